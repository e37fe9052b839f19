package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
)

// mostBytes is the most that the file of a history or a verdict may have.
const mostBytes = 4 << 30

// check judges histories from files.
func (c *console) check(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	all := set.Bool("v", false, "")
	verdict := set.String("verdict", "", "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if *verdict != "" && set.NArg() != 1 {
		return 0, usageErrorf("-verdict FILE takes the verdict of one history, and there are %d", set.NArg())
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
			worst = max(worst, c.fail(err))
			continue
		}
		run.Name = file
		worst = max(worst, status(run.Verdict))
		if *verdict != "" {
			if err := files.Write(*verdict, run.EncodeVerdict()); err != nil {
				return 0, fmt.Errorf("%s: cannot write the verdict: %w", *verdict, plainError(err))
			}
		}
		if err := c.writeJudged(run, *asJSON, *all); err != nil {
			return 0, err
		}
	}
	return worst, nil
}

// report prints verdicts from files, as check does those of histories.
func (c *console) report(ctx context.Context, args []string) (int, error) {
	set := flag.NewFlagSet("report", flag.ContinueOnError)
	asJSON := set.Bool("json", false, "")
	all := set.Bool("v", false, "")
	if err := parse(set, args); err != nil {
		return 0, err
	}
	if set.NArg() == 0 {
		return 0, usageErrorf("report needs the files of verdicts; simrun check -verdict FILE HISTORY writes one")
	}
	worst := statusHold
	for _, file := range set.Args() {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		data, err := files.Read(file, mostBytes)
		if err != nil {
			worst = max(worst, c.fail(usageErrorf("%s: cannot read the verdict: %w", file, plainError(err))))
			continue
		}
		run, err := report.ReadVerdict(file, data)
		if err != nil {
			worst = max(worst, c.fail(usageErrorf("%w", err)))
			continue
		}
		worst = max(worst, status(run.Verdict))
		if err := c.writeJudged(run, *asJSON, *all); err != nil {
			return 0, err
		}
	}
	return worst, nil
}

// fromHistory reads the file of a history and hands it to what makes something of it.
func fromHistory[T any](file string, use func([]byte) (T, error)) (made T, err error) {
	text, err := files.Read(file, mostBytes)
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
	if err := report.WritePlan(c.stdout, run, c.style(all)); err != nil {
		return err
	}
	if err := report.WriteVerdict(c.stdout, run, c.style(all)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stdout)
	return err
}
