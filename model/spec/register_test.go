package spec

import (
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"
)

func registerWrite(at int64, seq int, contents ...string) porcupine.Operation {
	return porcupine.Operation{Input: RegisterInput{RegisterWrite, seq, contents}, Call: at, Output: RegisterOutput{}, Return: at}
}

// registerRead is a read at an instant, moved back by delta.
func registerRead(at, delta int64, seq int, content string) porcupine.Operation {
	return porcupine.Operation{Input: RegisterInput{Op: RegisterRead, Seq: seq}, Call: at - delta, Output: RegisterOutput{content != "", content}, Return: at}
}

func TestRegister(t *testing.T) {
	for _, c := range []struct {
		name  string
		legal bool
		ops   []porcupine.Operation
	}{
		{"nothing before the first write", true, []porcupine.Operation{registerRead(0, 0, 1, ""), registerWrite(1, 1, "x"), registerRead(2, 0, 2, "x")}},
		{"something before the first write", false, []porcupine.Operation{registerRead(0, 0, 1, "x"), registerWrite(1, 1, "x")}},
		{"both are true at the instant of a write", true, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(5, 2, "y"), registerRead(5, 0, 1, "x"), registerRead(5, 0, 2, "y")}},
		{"stale", false, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(5, 2, "y"), registerRead(8, 2, 1, "x")}},
		{"stale by delta", true, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(5, 2, "y"), registerRead(8, 3, 1, "x")}},
		{"back in time, although each read alone is within delta", false, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(5, 2, "y"), registerRead(6, 9, 1, "y"), registerRead(7, 9, 2, "x")}},
		{"any of several contents", true, []porcupine.Operation{registerWrite(1, 1, "x", "y"), registerRead(2, 0, 1, "y"), registerRead(3, 0, 2, "x")}},
		{"nothing while there is something", false, []porcupine.Operation{registerWrite(1, 1, "x"), registerRead(2, 0, 1, "")}},
		{"nothing after all was taken away", true, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(2, 2), registerRead(3, 0, 1, "")}},
		{"writes at one instant are in sequence", false, []porcupine.Operation{registerWrite(1, 1, "x"), registerWrite(1, 2, "y"), registerRead(2, 0, 1, "x")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.legal, porcupine.CheckOperations(Register(), c.ops))
		})
	}
	require.PanicsWithValue(t, `spec: "cas" is not an operation on a register`, func() { Register().Step(registerState{}, RegisterInput{Op: "cas"}, RegisterOutput{}) })
}

func TestDescribeRegister(t *testing.T) {
	for want, op := range map[string]porcupine.Operation{
		`write 2 of ["x" "y"]`: registerWrite(0, 2, "x", "y"),
		`read 1 -> "x"`:        registerRead(0, 0, 1, "x"),
		"read 1 -> nothing":    registerRead(0, 0, 1, ""),
	} {
		require.Equal(t, want, Register().DescribeOperation(op.Input, op.Output))
	}
}
