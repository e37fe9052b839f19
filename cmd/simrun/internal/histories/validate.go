package histories

import (
	"bytes"
	"context"
	"fmt"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/tracevalidation"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// Validate explains histories by the model.
var Validate = console.Entry{New: func() console.Command { return new(validate) }, Help: validateHelp}

const validateHelp = `
validate looks for a behaviour of the abstract mesh (simrun help model) in histories
of Cilium's code: whether each change in an etcd and in a view is what an action of
the model does, in some state that is consistent with all before. This is trace
validation. The first record that no action explains is printed, with the actions
that might have, and why each of them does not. An earlier name of the command,
simrun behaviour, still works.

  simrun validate HISTORY...

In the modes clustermesh and handover replicas and agents are followed; in crd and
kvstore agents, which list and watch what is true themselves. Handovers by merge and
by precedence are not in the model.

What Cilium is known to do and the model does not have, such as leases that expire,
explains a record only if its cause is in the history, and is counted.
docs/model.md lists it.

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun validate seven.history

Exit status: 0 if all histories are behaviours of the model, 1 if one is not or
could not be judged, 2 if a file is not a history.
`

// validate is the command that explains histories from files by the model.
type validate struct{ filesFlags }

func (v *validate) Flags(f *console.Flags) {
	v.filesFlags.add(f, wantHistories, "record that nothing explains, not the first one alone")
}

func (v *validate) Run(ctx context.Context, c *console.Console) (int, error) {
	return c.EachFile(ctx, v.files, func(file string) (int, error) {
		verdict, err := Read(file, func(text []byte) (*tracevalidation.Verdict, error) {
			h, err := history.Read(bytes.NewReader(text))
			if err != nil {
				return nil, err
			}
			m, known := checker.ModeOf(h)
			if !known {
				m = mode.Default
			}
			if err := tracevalidation.Follows(m); err != nil {
				return nil, err
			}
			return tracevalidation.Check(index.New(h), m), nil
		})
		if err != nil {
			return 0, err
		}
		status := console.StatusBroken
		if verdict.Holds() {
			status = console.StatusHold
		}
		if v.json {
			return status, report.WriteLine(c.Stdout, struct {
				report.Header
				File  string `json:"file"`
				Holds bool   `json:"holds"`
				*tracevalidation.Verdict
			}{report.Head("trace-validation"), file, verdict.Holds(), verdict})
		}
		shown := len(verdict.Unexplained)
		if !v.all {
			shown = min(shown, 1)
		}
		_, err = fmt.Fprintf(c.Stdout, "%s: %s\n", file, verdict.Text(shown))
		return status, err
	})
}
