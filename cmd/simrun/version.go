package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// version is the command that says which program this is, which forms of files it reads and
// what its worker is built from.
type version struct {
	worker workerFlags
	json   bool
}

func (v *version) flags(f *flags) {
	f.add(&v.worker.path, "worker FILE", "of this worker; else of the one beside simrun, or the one that was built last")
	f.json(&v.json)
}

type versionLine struct {
	report.Header
	Simrun  string       `json:"simrun"`
	Forms   []formLine   `json:"forms"`
	Worker  *report.Code `json:"worker,omitempty"`
	Missing string       `json:"missing,omitempty"` // why there is no worker
}

type formLine struct {
	Form    string `json:"form"`
	Version int    `json:"version"`
}

func (v *version) run(_ context.Context, c *console) (int, error) {
	if err := v.worker.check(); err != nil {
		return 0, err
	}
	line := versionLine{Header: report.Head("version"), Simrun: thisProgram(), Forms: []formLine{
		{"plan", fault.Version}, {"history", history.Version}, {"verdict", report.FileVersion}, {"json", report.JSONVersion}, {"worker", det.Version},
	}}
	path := cmp.Or(v.worker.path, det.BuiltWorker())
	var err error
	if path == "" {
		line.Missing = "none is built yet; the first run builds one"
	} else if line.Worker, err = drive.CodeOf(path); err != nil {
		line.Missing = err.Error()
	}
	if v.json {
		return statusHold, report.WriteLine(c.stdout, line)
	}
	var forms []string
	for _, form := range line.Forms {
		forms = append(forms, fmt.Sprintf("%s %d", form.Form, form.Version))
	}
	_, err = fmt.Fprintf(c.stdout, "simrun    %s\nforms     %s\nworker    %s%s\n", line.Simrun, strings.Join(forms, ", "), line.Worker, line.Missing)
	return statusHold, err
}

// thisProgram says what simrun is built from.
func thisProgram() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "not known"
	}
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	text := info.Main.Version + ", " + info.GoVersion
	if revision := setting["vcs.revision"]; revision != "" {
		text += ", revision " + revision
	}
	if setting["vcs.modified"] == "true" {
		text += ", with changes"
	}
	return text
}
