package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

const versionHelp = `
version prints what simrun is built from, the versions of the file forms that it
reads and writes, and which Cilium, etcd and client-go the worker runs.

  simrun version

Flags:

Examples:
  simrun version
  simrun version -worker ./worker -json

Exit status: 0, or 2 for bad flags.
`

const propertiesHelp = `
properties prints what a history is judged by: each property with its promise,
where the demand comes from and its rules, which name the ways in which it can be
broken, and the findings that violations can look like by their records, which is a
suspicion: simrun judge measures what is known.

  simrun properties

Examples:
  simrun properties | less
  simrun check seven.history -v
`

const faultsHelp = `
faults prints what a plan's faults can be: every kind with its fields and their
ranges, every event that a trigger can wait for, and the scenarios that have a
name.

  simrun faults

Examples:
  simrun faults | less
  simrun -scenario rolling-upgrade
  simrun -scenario rolling-upgrade -seeds 0-99
`

// version is the command that says which program this is, which forms of files it reads and
// what its worker is built from.
type version struct {
	worker runs.Worker
	json   bool
}

func (v *version) Flags(f *console.Flags) {
	f.Add(&v.worker.Path, "worker FILE", "of this worker; else of the one beside simrun, or the one that was built last")
	f.JSON(&v.json)
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

func (v *version) Run(_ context.Context, c *console.Console) (int, error) {
	if err := v.worker.Check(); err != nil {
		return 0, err
	}
	line := versionLine{Header: report.Head("version"), Simrun: thisProgram(), Forms: []formLine{
		{"plan", fault.Version}, {"history", history.Version}, {"verdict", report.FileVersion}, {"json", report.JSONVersion}, {"worker", det.Version},
	}}
	path := cmp.Or(v.worker.Path, det.BuiltWorker())
	var err error
	if path == "" {
		line.Missing = "none is built yet; the first run builds one"
	} else if line.Worker, err = drive.CodeOf(path); err != nil {
		line.Missing = err.Error()
	}
	if v.json {
		return console.StatusHold, report.WriteLine(c.Stdout, line)
	}
	var forms []string
	for _, form := range line.Forms {
		forms = append(forms, fmt.Sprintf("%s %d", form.Form, form.Version))
	}
	_, err = fmt.Fprintf(c.Stdout, "simrun    %s\nforms     %s\nworker    %s%s\n", line.Simrun, strings.Join(forms, ", "), line.Worker, line.Missing)
	return console.StatusHold, err
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

// properties is the command that prints what a history is judged by.
type properties struct{}

func (properties) Flags(*console.Flags) {}

func (properties) Run(_ context.Context, c *console.Console) (int, error) {
	clusterMesh, crd := mode.Mode{Base: mode.ClusterMesh}, mode.Mode{Base: mode.CRD}
	var b strings.Builder
	b.WriteString("PROPERTIES\n")
	for _, p := range checker.Properties() {
		fmt.Fprintf(&b, "\n  %s\n%s%s", p.Name, text.Wrap("      ", p.Promise), text.Wrap("      why: ", p.Why))
		var rules []string
		for _, rule := range p.Rules {
			rules = append(rules, rule.Name)
		}
		b.WriteString(text.Wrap("      rules: ", strings.Join(rules, ", ")))
		if !clusterMesh.Promises(p.Name) {
			b.WriteString("      judged in every mode; clustermesh does not promise it\n")
		}
		if len(p.RestsOn) > 0 {
			b.WriteString(text.Wrap("      ", "rests on: "+strings.Join(p.RestsOn, ", ")))
		}
		if ok, why := crd.Applies(p.Name); !ok {
			b.WriteString(text.Wrap("      ", "not applicable in crd: "+why))
		}
	}
	b.WriteString("\nWHAT VIOLATIONS LOOK LIKE (testdata/findings/NAME.md; simrun judge measures it)\n")
	for _, m := range checker.Mechanisms() {
		fmt.Fprintf(&b, "\n  %s (%s)\n%s", m.Name, m.Whose, text.Wrap("      ", m.Sentence))
	}
	_, err := fmt.Fprint(c.Stdout, b.String())
	return console.StatusHold, err
}

// faults is the command that prints the reference of faults, triggers and scenarios.
type faults struct{}

func (faults) Flags(*console.Flags) {}

func (faults) Run(_ context.Context, c *console.Console) (int, error) {
	scenarios, err := family.Text()
	if err == nil {
		_, err = fmt.Fprint(c.Stdout, fault.Text(), scenarios)
	}
	return console.StatusHold, err
}
