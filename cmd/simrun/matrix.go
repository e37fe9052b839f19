package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/matrix"
	"github.com/meshcheck/meshcheck/model/mode"
)

const matrixHelp = `
matrix runs the same plans in every mode and sets side by side what each mode keeps
and what it costs: properties by the runs that kept them, requests, watches, events
and bytes by server and client, and latencies as p50, p99 and max.

  simrun matrix                      100 seeds of the swarm in every mode
  simrun matrix -scenario NAME       100 members of a scenario's family
  simrun matrix -discoveries service,dialer,hostnetwork
                                     the mode clustermesh once for each way in which
                                     agents find replicas

A seed's plan is drawn once and projected into each mode: topology, workload and
faults are the same, and so not always those of simrun -mode MODE -seed N, which draws for
the mode alone: options that one mode has, such as how soon a handover falls back, are at
their defaults here. A fault that a mode lacks, such as the loss of a replica where
there are none, does not happen there. What the proposal (CFP-44774) says of load is
confirmed or refuted by the counts.

Each run is kept in the directory -o as soon as it is over: the same command goes on
where an interrupted one stopped, and with more seeds or modes runs only those. The
plan of the first run that broke a property is written there too. Equal runs give an
equal table. With -kept nothing is run, and the table is of what is there.

-html FILE writes a page for a browser, which needs no network: the table with the
command of each cell and what broke it, load over time, and how costs and latencies are
spread.

Flags:

Examples:
  simrun matrix
  simrun matrix -seeds 0-999 -modes crd,clustermesh -markdown matrix.md
  simrun matrix -scenario rolling-upgrade -seeds 0-49 -json
  simrun matrix -kept -o matrix -html matrix.html

Exit status:
  0    the table is complete; that a mode breaks a property is a result, not a failure
  2    bad flags, or a directory with runs of another kind
  3    a run failed: it gave no history, and the code under test did not panic; with -kept, a run is missing
  130  interrupted; the table of what was run until then is printed
`

// compareModes is the command matrix.
type compareModes struct {
	modes    modesFlag
	finding  discoveriesFlag
	seeds    runs.Seeds
	scenario string
	dir      string
	workers  runs.Workers
	plan     string // one, to write
	markdown string
	html     string
	kept     bool
	json     bool
	worker   runs.Worker
	limits   runs.Limits
	given    *console.Flags
}

func (m *compareModes) Flags(f *console.Flags) {
	m.modes, m.dir = mode.SimulatedNames(), "matrix"
	m.seeds.Last = 99
	f.Add(&m.modes, "modes A,B", "the modes, in the order of the columns, of "+strings.Join(columnModes(), ", ")+"; "+strings.Join(mode.SimulatedNames(), ","))
	m.finding = discoveriesFlag{mode.ByService}
	f.Add(&m.finding, "discoveries A,B", "of the mode clustermesh a column for each, as clustermesh/dialer: how agents find replicas; service")
	f.Add(&m.seeds, "seeds A-B", "the seeds; 0-99")
	f.Add(&m.scenario, "scenario NAME", "members of a scenario's family, in place of the swarm; simrun faults lists them")
	f.Add(&m.dir, "o DIR", `where runs are kept; it is made if there is none; "matrix"`)
	f.Add(&m.markdown, "markdown FILE", "write the table as a page, too")
	m.workers.Add(f)
	f.Add(&m.html, "html FILE", "write a page to look at the table in a browser, with distributions and plots of the load")
	f.Add(&m.kept, "kept", "run nothing: the table is of the runs that -o keeps, of whichever worker they are, and of -modes and -seeds if these are given")
	f.Add(&m.plan, "write-plan FILE", "run nothing, but write the plan of one seed in one mode, which -seeds and -modes name; simrun -plan runs it")
	m.worker.Add(f)
	m.limits.Add(f)
	f.JSON(&m.json)
	m.given = f
}

// columnModes are those of which there may be columns; discoveries are a flag of their own.
func columnModes() []string {
	return slices.DeleteFunc(mode.Variants(), func(name string) bool {
		m, _ := mode.InWorld(name)
		return m.Chooses()
	})
}

// modesFlag is a list of modes.
type modesFlag []string

func (f *modesFlag) String() string { return strings.Join(*f, ",") }
func (f *modesFlag) Set(value string) error {
	*f = nil
	for name := range strings.SplitSeq(value, ",") {
		in, known := mode.InWorld(name)
		switch {
		case !known || in.Chooses():
			return fmt.Errorf("there is no mode %q; the modes are %s", name, strings.Join(columnModes(), ", "))
		case slices.Contains(*f, name):
			return fmt.Errorf("the mode %s is given twice", name)
		}
		*f = append(*f, name)
	}
	return nil
}

// discoveriesFlag is a list of discoveries.
type discoveriesFlag []mode.Discovery

func (f *discoveriesFlag) String() string {
	var names []string
	for _, d := range *f {
		names = append(names, string(d))
	}
	return strings.Join(names, ",")
}

func (f *discoveriesFlag) Set(value string) error {
	*f = nil
	for name := range strings.SplitSeq(value, ",") {
		switch d := mode.Discovery(name); {
		case !slices.Contains(mode.Discoveries(), d):
			all := discoveriesFlag(mode.Discoveries())
			return fmt.Errorf("there is no discovery %q; the discoveries are %s", name, strings.ReplaceAll(all.String(), ",", ", "))
		case slices.Contains(*f, d):
			return fmt.Errorf("the discovery %s is given twice", name)
		default:
			*f = append(*f, d)
		}
	}
	return nil
}

// columns are the modes, with the discoveries where there are some.
func (m *compareModes) columns() (names []string) {
	for _, name := range m.modes {
		in, _ := mode.InWorld(name)
		names = append(names, in.In(m.finding)...)
	}
	return names
}

func (m *compareModes) Check() error {
	if m.plan != "" && (len(m.columns()) != 1 || m.seeds.Count() != 1 || m.kept) {
		return console.Usagef("-write-plan writes one plan: want one mode, such as -modes crd, and one seed, such as -seeds 7")
	}
	if m.dir == "" {
		return console.Usagef("-o needs the name of a directory")
	}
	return cmp.Or(m.workers.Check(), m.worker.Check(), m.limits.Check(), output.Check([]string{m.worker.Path}, output.To("o", m.dir, "", true), output.To("markdown", m.markdown, output.Markdown, false), output.To("html", m.html, output.Page, false), output.To("write-plan", m.plan, output.Plan, false)))
}

func (m *compareModes) Run(ctx context.Context, c *console.Console) (int, error) {
	if m.kept {
		return m.show(c)
	}
	plans, err := runs.Plans(c, &runs.Family{Scenario: m.scenario})
	if err != nil {
		return 0, err
	}
	first, err := plans.Member(m.seeds.First)
	if err != nil {
		return 0, console.Usage(err)
	}
	if m.plan != "" {
		return console.StatusHold, output.Write("write-plan", m.plan, fault.Project(first, m.columns()[0]).Encode())
	}
	runner, err := runs.Simulator(ctx, c, m.worker, m.limits)
	if err != nil {
		return 0, err
	}
	code, err := drive.CodeOf(runner.Worker.Path)
	if err != nil {
		return 0, err
	}
	built := *code
	built.Worker = "" // where it is says nothing about the runs
	kept, err := matrix.Open(m.dir, matrix.Of{Worker: code.Hash, Family: cmp.Or(plans.Name(), swarm), Code: &built})
	if err != nil {
		return 0, console.Usage(err)
	}
	defer kept.Close()
	columns := m.columns()
	end := c.Progress.KeepSaying(fmt.Sprintf("%d runs", len(columns)*m.seeds.Count()))
	table, stopped := matrix.Run(ctx, matrix.Config{
		Runner: runner, Modes: columns, Seeds: m.seeds.Seeds, Plan: plans.Member, Parallel: int(m.workers), Kept: kept, OnRun: countdown(c),
	})
	end()
	if stopped != nil && ctx.Err() == nil {
		return 0, runs.Refused(c, stopped)
	}
	table.Code = code
	if stopped != nil {
		table.Note = "interrupted; the same command goes on"
	}
	if err := m.write(c, table, plans.Member); err != nil {
		return 0, err
	}
	switch {
	case stopped != nil:
		return 0, stopped
	case !table.Complete():
		return console.StatusHarness, nil
	}
	return console.StatusHold, nil
}

// swarm is the name of the family of plans that are no variations of a scenario.
const swarm = "swarm"

// countdown shows how many runs there are, and how long the rest will take.
func countdown(c *console.Console) func(done, all int) {
	start, begun := time.Now(), -1
	return func(done, all int) {
		if begun < 0 {
			begun = done - 1
		}
		left := time.Since(start) / time.Duration(done-begun) * time.Duration(all-done)
		c.Progress.Show("%s %d of %d runs, %s left", console.Bar(done, all), done, all, left.Round(time.Second))
	}
}

// show writes the table of what is kept.
func (m *compareModes) show(c *console.Console) (int, error) {
	kept, err := matrix.Read(m.dir)
	if err != nil {
		return 0, console.Usage(err)
	}
	scenario := strings.TrimPrefix(kept.Of.Family, "scenario ")
	switch kept.Of.Family {
	case swarm:
		scenario = ""
	case "reference plan":
		scenario = family.Reference
	}
	if m.scenario != "" && m.scenario != scenario {
		return 0, console.Usagef("-scenario %s: what is kept in %s is of %s", m.scenario, m.dir, kept.Of.Family)
	}
	m.scenario = scenario
	plans, err := runs.Plans(c, &runs.Family{Scenario: scenario})
	if err != nil {
		return 0, err
	}
	columns := m.columns()
	if m.given.Given("modes")+m.given.Given("discoveries") == "" {
		columns = kept.Modes()
	}
	if !m.seeds.Given {
		m.seeds.Seeds = kept.Seeds()
	}
	table := matrix.TableOf(kept, columns, m.seeds.Seeds)
	if err := m.write(c, table, plans.Member); err != nil {
		return 0, err
	}
	if !table.Complete() {
		return console.StatusHarness, nil
	}
	return console.StatusHold, nil
}

// write writes the table, and the plans that its commands run.
func (m *compareModes) write(c *console.Console, t *matrix.Table, planOf func(uint64) (*fault.Plan, error)) error {
	var failed error
	replay := func(mode string, seed uint64) string {
		file := filepath.Join(m.dir, planName(mode, seed)+".json")
		plan, err := planOf(seed)
		if err == nil {
			err = files.Write(file, fault.Project(plan, mode).Encode())
		}
		failed = errors.Join(failed, err)
		return console.CommandLine(c.Name, append([]string{"-plan", file}, m.worker.Arguments()...)...)
	}
	var err error
	if m.json {
		err = t.WriteJSON(c.Stdout)
	} else {
		err = t.WriteText(c.Stdout, replay)
	}
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if m.markdown != "" {
		if err := errors.Join(output.WriteWith("markdown", m.markdown, func(w io.Writer) error { return t.WriteMarkdown(w, replay) }), failed); err != nil {
			return err
		}
	}
	return output.WriteWith("html", m.html, func(w io.Writer) error { return t.WritePage(w, m.anywhere(planOf)) })
}

// anywhere gives the commands of a page, which leaves this machine: none needs a file that is
// here. A seed names its plan, or the matrix writes it first where the seed draws another one
// in the mode by itself.
func (m *compareModes) anywhere(planOf func(uint64) (*fault.Plan, error)) matrix.Replay {
	known := map[string]string{}
	return func(mode string, seed uint64) string {
		name, number := planName(mode, seed), strconv.FormatUint(seed, 10)
		if known[name] == "" {
			var scenario []string
			if m.scenario != "" {
				scenario = []string{"-scenario", m.scenario}
			}
			if m.draws(mode, seed, planOf) {
				known[name] = console.CommandLine("simrun", append([]string{"-mode", mode, "-seed", number}, scenario...)...)
			} else {
				known[name] = console.CommandLine("simrun", slices.Concat([]string{"matrix"}, column(mode), []string{"-seeds", number, "-write-plan", name + ".json"}, scenario)...) + " && " + console.CommandLine("simrun", "-plan", name+".json")
			}
		}
		return known[name]
	}
}

// planName names the plan of a seed in a mode.
func planName(mode string, seed uint64) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(mode, "/", "-"), seed)
}

// column returns the flags that ask for the column of a mode alone.
func column(name string) []string {
	in, _ := mode.InWorld(name)
	flags := []string{"-modes", in.By(mode.ByService).String()}
	if in.Chooses() {
		flags = append(flags, "-discoveries", string(in.Discovery))
	}
	return flags
}

// draws reports whether a seed draws the plan of the matrix in a mode by itself.
func (m *compareModes) draws(mode string, seed uint64, planOf func(uint64) (*fault.Plan, error)) bool {
	own, err := family.New(m.scenario, draw.Config{Mode: mode})
	if err != nil {
		return false // the scenario does not exist there
	}
	drawn, err := own.Member(seed)
	if err != nil {
		return false
	}
	plan, err := planOf(seed)
	return err == nil && drawn.Line() == fault.Project(plan, mode).Line()
}
