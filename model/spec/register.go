package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// RegisterOp is an operation on a register.
type RegisterOp string

// The operations.
const (
	RegisterWrite RegisterOp = "write"
	RegisterRead  RegisterOp = "read"
)

// RegisterInput is the input of an operation in the specification Register.
type RegisterInput struct {
	Op RegisterOp
	// Seq numbers the writes, and the reads of the one reader, each from 1 in the
	// order in which they were made.
	Seq int
	// Contents is what a write makes true: any of them, or the absence of all if
	// there is none. Several are true at once where several owners claim an entry.
	Contents []string
}

// RegisterOutput is the output of an operation in the specification Register.
type RegisterOutput struct {
	Present bool   // read: something was there
	Content string // read: what
}

// registerState is how many writes and reads there were, and what is true.
type registerState struct {
	writes, reads int
	present       bool
	contents      string // as in RegisterInput, joined: a string, so that states can be compared
}

const registerSeparator = "\x00"

// Register is the specification of an entry that is written in one sequence and
// read by one reader in sequence: writes happen in the order of their numbers, and
// so do reads, each of which finds something that the last write before it made
// true. Before the first write nothing is there.
//
// A history is delta-atomic, for a reader that does not go back, if it is
// linearizable after each read's Call was moved back by delta (W. Golab, X. Li,
// M. A. Shah: Analyzing Consistency Properties for Fun and Profit, PODC 2011).
// Relaxed reads overlap, which is why the order of reads is a part of the
// specification and not left to their intervals.
func Register() porcupine.Model {
	return model(registerState{}, registerState.step, nil, func(in RegisterInput, out RegisterOutput) string {
		switch {
		case in.Op == RegisterWrite:
			return fmt.Sprintf("write %d of %q", in.Seq, in.Contents)
		case out.Present:
			return fmt.Sprintf("read %d -> %q", in.Seq, out.Content)
		}
		return fmt.Sprintf("read %d -> nothing", in.Seq)
	})
}

func (s registerState) step(in RegisterInput, out RegisterOutput) (bool, registerState) {
	switch in.Op {
	case RegisterWrite:
		legal := in.Seq == s.writes+1
		s.writes, s.present, s.contents = in.Seq, len(in.Contents) > 0, strings.Join(in.Contents, registerSeparator)
		return legal, s
	case RegisterRead:
		legal := in.Seq == s.reads+1 && out.Present == s.present &&
			(!out.Present || slices.Contains(strings.Split(s.contents, registerSeparator), out.Content))
		s.reads = in.Seq
		return legal, s
	}
	panic(fmt.Sprintf("spec: %q is not an operation on a register", in.Op))
}
