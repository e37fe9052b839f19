package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/behaviour"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
)

// check judges histories from files.
func (c *console) check(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	all := set.Bool("v", false, "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() == 0 {
		return 0, usageErrorf("check needs the files of histories; simrun -seed 1 -write-history FILE writes one")
	}
	worst := statusHold
	for _, file := range set.Args() {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		run, err := fromHistory(file, func(text []byte) (*report.Run, error) { return drive.Judge(text, checker.Config{}) })
		if err != nil {
			worst = c.fail(err)
			continue
		}
		run.Name = file
		worst = max(worst, status(run.Verdict))
		if err := c.writeJudged(run, *asJSON, *all); err != nil {
			return 0, err
		}
	}
	return worst, nil
}

// fromHistory reads the file of a history and hands it to what makes something of it.
func fromHistory[T any](file string, use func([]byte) (T, error)) (made T, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return made, usageErrorf("%s: cannot read the history: %w", file, plainError(err))
	}
	if made, err = use(text); err != nil {
		return made, usageErrorf("%s: %s", file, strings.TrimPrefix(err.Error(), "history: "))
	}
	return made, nil
}

func (c *console) writeJudged(run *report.Run, asJSON, all bool) error {
	if asJSON {
		return run.WriteJSON(c.stdout, true)
	}
	if err := report.WritePlan(c.stdout, run); err != nil {
		return err
	}
	if err := report.WriteVerdict(c.stdout, run, all); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stdout)
	return err
}

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
		v, err := fromHistory(file, behaviourOf)
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

func behaviourOf(text []byte) (*behaviour.Verdict, error) {
	h, err := history.Read(bytes.NewReader(text))
	if err != nil {
		return nil, err
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
