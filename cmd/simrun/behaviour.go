package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/meshcheck/meshcheck/checker/behaviour"
	"github.com/meshcheck/meshcheck/history"
)

const behaviourHelp = `
behaviour looks for a behaviour of the abstract mesh (simrun help model) in
histories of Cilium's code: whether each change in an etcd and in a view is what an
action of the model does, in some state that is consistent with all before. The
first record that no action explains is printed, with the actions that might have,
and why each of them does not.

  simrun behaviour HISTORY...

What Cilium is known to do and the model does not have, such as leases that expire,
explains a record only if its cause is in the history, and is counted.
docs/model.md lists it.

Flags:
  -json    write JSON, one object a line, in place of text
  -v       show every record that nothing explains, not the first one alone

Examples:
  simrun -seed 7 -write-history seven.history
  simrun behaviour seven.history

Exit status: 0 if all histories are behaviours of the model, 1 if one is not or
could not be judged, 2 if a file is not a history.
`

// behaviour explains histories from files by the model.
func (c *console) behaviour(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("behaviour", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	all := set.Bool("v", false, "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() == 0 {
		return 0, usageErrorf("behaviour needs the files of histories; simrun -seed 1 -write-history FILE writes one")
	}
	worst := statusHold
	for _, file := range set.Args() {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		v, err := behaviourOf(file)
		if err != nil {
			worst = c.fail(err)
			continue
		}
		if !v.Holds() {
			worst = max(worst, statusBroken)
		}
		if err := c.writeBehaviour(file, v, *asJSON, *all); err != nil {
			return 0, err
		}
	}
	return worst, nil
}

func behaviourOf(file string) (*behaviour.Verdict, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usageErrorf("%s: cannot read the history: %w", file, plainError(err))
	}
	h, err := history.Read(bytes.NewReader(text))
	if err != nil {
		return nil, usageErrorf("%s: %s", file, strings.TrimPrefix(err.Error(), "history: "))
	}
	return behaviour.Check(h.Records), nil
}

func (c *console) writeBehaviour(file string, v *behaviour.Verdict, asJSON, all bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(struct {
			Version int    `json:"version"`
			Kind    string `json:"kind"`
			File    string `json:"file"`
			Holds   bool   `json:"holds"`
			*behaviour.Verdict
		}{1, "behaviour", file, v.Holds(), v})
	}
	shown := len(v.Unexplained)
	if !all {
		shown = min(shown, 1)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %s\n", file, v.Text(shown))
	return err
}
