package histories

import (
	"context"
	"os"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/report"
)

// Report prints verdicts from files.
var Report = console.Entry{New: func() console.Command { return new(printVerdict) }, Help: reportHelp}

const reportHelp = `
report prints verdicts that check -verdict has written, as check prints those of
histories, but for how long judging took.

  simrun report VERDICT...

Flags:

Examples:
  simrun check -verdict seven.verdict seven.history
  simrun report -v seven.verdict

Exit status: as that of check, of the verdict in the file; 2 if a file is not a
verdict.
`

// printVerdict is the command that prints verdicts from files, as check does those of histories.
type printVerdict struct{ filesFlags }

func (p *printVerdict) Flags(f *console.Flags) {
	p.filesFlags.add(f, "the files of verdicts; simrun check -verdict FILE HISTORY writes one", "property with its evidence, and every violation")
}

func (p *printVerdict) Run(ctx context.Context, c *console.Console) (int, error) {
	return c.EachFile(ctx, p.files, func(file string) (int, error) {
		data, err := files.Read(file, MostBytes)
		if err != nil {
			return 0, console.Usagef("%s: cannot read the verdict: %w", file, err)
		}
		run, err := report.ReadVerdict(file, data)
		if err != nil {
			return 0, console.Usage(err)
		}
		if info, err := os.Stat(run.Name); err == nil && info.Mode().IsRegular() {
			run.Explain = Explainer(c, run.Name, "-verdict", file)
		}
		return p.write(c, run)
	})
}
