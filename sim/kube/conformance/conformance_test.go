package conformance

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheStandInAnswersAsRecorded compares both ways: what differs is in the table, and
// the table says nothing that does not.
func TestTheStandInAnswersAsRecorded(t *testing.T) {
	golden, err := Recorded()
	require.NoError(t, err)
	require.Greater(t, len(golden.Answers), 600, "answers in the golden")
	rows, err := Table()
	require.NoError(t, err)
	ours := Ask(t, false)
	differing := map[string]bool{}
	for _, d := range Compare(golden.Answers, ours) {
		differing[d.Step] = true
		explained := false
		for i := range rows {
			explained = rows[i].Explains(d) || explained
		}
		if !explained {
			t.Errorf("step %q differs from %s in %s, and differences.md does not say so:\n  real: %.600s\n  ours: %.600s", d.Step, golden.Server, d.Where, d.Real, d.Ours)
		}
	}
	for _, r := range rows {
		if names := r.unneeded(); len(names) > 0 {
			t.Errorf("differences.md:%d: nothing differs any more at %q: take it out", r.line, names)
		}
	}
	t.Logf("%d steps, %d of them answered alike in everything", len(golden.Answers), len(golden.Answers)-len(differing))
}

// TestThePackageCommentHasTheTable compares the lines of the package comment of sim/kube with the
// headings of differences.md. Each of them has rows, which are kept true above.
func TestThePackageCommentHasTheTable(t *testing.T) {
	comment, err := os.ReadFile("../doc.go")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(comment), "// # What stays different\n")
	require.True(t, found)
	var lines, headings []string
	for _, m := range regexp.MustCompile(`(?m)^//   - ([^:\n]+): `).FindAllStringSubmatch(table, -1) {
		lines = append(lines, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^### (.*)\n\n\|.*\n\|---.*\n\| `).FindAllStringSubmatch(differences, -1) {
		headings = append(headings, m[1])
	}
	require.Equal(t, strings.Count(differences, "### "), len(headings), "each heading has rows")
	require.Equal(t, headings, lines)
	rows, err := Table()
	require.NoError(t, err)
	for _, r := range rows {
		require.Contains(t, headings, r.class, "line %d", r.line)
	}
}

// TestARunIsAGolden makes a golden of the stand-in's answers, of which a second run differs
// in nothing.
func TestARunIsAGolden(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, Golden{Server: "sim/kube", Answers: Ask(t, false)}.Write(&file))
	golden, err := read(&file)
	require.NoError(t, err)
	require.Equal(t, "sim/kube", golden.Server)
	require.Empty(t, Compare(golden.Answers, Ask(t, false)))
}

func TestCompare(t *testing.T) {
	object := func(rv string, more ...any) map[string]any {
		return map[string]any{"metadata": map[string]any{"name": "a", "resourceVersion": rv}, "list": more}
	}
	event := func(kind, rv string) any { return map[string]any{"type": kind, "object": object(rv)} }
	for _, c := range []struct {
		name       string
		real, ours Answer
		want       []Difference
	}{
		{"the same", Answer{Code: 200, Body: object("$a")}, Answer{Code: 200, Body: object("$a")}, nil},
		{"code", Answer{Code: 200, Body: "x"}, Answer{Code: 404, Body: "y"}, []Difference{{Where: "code", Real: `{"Step":"","Code":200,"Body":"x"}`, Ours: `{"Step":"","Code":404,"Body":"y"}`}}},
		{"not modelled", Answer{Code: 200}, Answer{Code: 501}, []Difference{{Where: "unmodelled", Real: `{"Step":"","Code":200,"Body":null}`, Ours: `{"Step":"","Code":501,"Body":null}`}}},
		{"header", Answer{Code: 200, Header: map[string]string{"Retry-After": "1"}}, Answer{Code: 200}, []Difference{{Where: "header Retry-After", Real: "1"}}},
		{"version", Answer{Code: 200, Body: object("$a")}, Answer{Code: 200, Body: object("$b")}, []Difference{{Where: "body.metadata.resourceVersion", Real: "$a", Ours: "$b"}}},
		{"list", Answer{Code: 200, Body: object("$a", "x", "y")}, Answer{Code: 200, Body: object("$a", "x", "z")}, []Difference{{Where: "body.list[]", Real: "y", Ours: "z"}}},
		{"message", Answer{Code: 400, Body: map[string]any{"message": "x"}}, Answer{Code: 400, Body: map[string]any{"message": "y"}}, nil},
		{"events", Answer{Code: 200, Body: []any{event("ADDED", "$a"), "END"}}, Answer{Code: 200, Body: []any{event("DELETED", "$a"), "END"}}, []Difference{{Where: "events", Real: "ADDED a $a; END", Ours: "DELETED a $a; END"}}},
	} {
		require.Equal(t, c.want, Compare([]Answer{c.real}, []Answer{c.ours}), c.name)
	}
	require.Equal(t, []Difference{{Step: "a", Where: "no answer", Real: `{"Step":"a","Code":200,"Body":null}`}, {Step: "b", Where: "no answer", Ours: `{"Step":"b","Code":200,"Body":null}`}},
		Compare([]Answer{{Step: "a", Code: 200}}, []Answer{{Step: "b", Code: 200}}))
}
