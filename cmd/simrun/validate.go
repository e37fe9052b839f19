package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"github.com/meshcheck/meshcheck/checker/tracevalidation"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

const validateHelp = `
validate looks for a behaviour of the abstract mesh (simrun help model) in histories
of Cilium's code: whether each change in an etcd and in a view is what an action of
the model does, in some state that is consistent with all before. This is trace
validation. The first record that no action explains is printed, with the actions
that might have, and why each of them does not. An earlier name of the command,
simrun behaviour, still works.

  simrun validate HISTORY...

What Cilium is known to do and the model does not have, such as leases that expire,
explains a record only if its cause is in the history, and is counted.
docs/model.md lists it.

Flags:
  -json    write JSON, one object a line, in place of text
  -v       show every record that nothing explains, not the first one alone

Examples:
  simrun -seed 7 -write-history seven.history
  simrun validate seven.history

Exit status: 0 if all histories are behaviours of the model, 1 if one is not or
could not be judged, 2 if a file is not a history.
`

// validate explains histories from files by the model.
func (c *console) validate(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("validate", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	all := set.Bool("v", false, "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() == 0 {
		return 0, usageErrorf("validate needs the files of histories; simrun -seed 1 -write-history FILE writes one")
	}
	worst := statusHold
	for _, file := range set.Args() {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		v, err := fromHistory(file, validated)
		if err != nil {
			worst = c.fail(err)
			continue
		}
		if !v.Holds() {
			worst = max(worst, statusBroken)
		}
		if err := c.writeValidated(file, v, *asJSON, *all); err != nil {
			return 0, err
		}
	}
	return worst, nil
}

func validated(text []byte) (*tracevalidation.Verdict, error) {
	h, err := history.Read(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return tracevalidation.Check(index.New(h)), nil
}

func (c *console) writeValidated(file string, v *tracevalidation.Verdict, asJSON, all bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(struct {
			Version int    `json:"version"`
			Kind    string `json:"kind"`
			File    string `json:"file"`
			Holds   bool   `json:"holds"`
			*tracevalidation.Verdict
		}{1, "trace-validation", file, v.Holds(), v})
	}
	shown := len(v.Unexplained)
	if !all {
		shown = min(shown, 1)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %s\n", file, v.Text(shown))
	return err
}
