package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/load"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

const loadHelp = `
load puts a load on the control plane, without faults, and counts what its servers do:
requests, watches, events and bytes by server and client, how far etcds and agents are
behind what is true, and latencies.

  simrun load -scenario proposal   the load that the proposal (CFP-44774) measured, at a
                                   tenth of its size and rate: 100 nodes and namespaces, 400
                                   deployments, 4,000 pods, 10 pods/s, three cycles of
                                   deploying, deleting and 15 minutes of waiting, in the modes
                                   crd and clustermesh. Its claims are confirmed or refuted
  simrun load -scenario proposal -full   at full size: 1,000, 4,000, 40,000, 100 pods/s; with
                                   at most two hours and 12 GiB for a run
  simrun load -scenario knee       pods at rates of 10 to 100/s against a writer's limit of 20,
                                   50 and 100 requests/s, and none: where an etcd falls behind

  simrun load -scenario growth     how cost grows with agents, pods, rate and replicas: slopes
  simrun load -scenario storm      1,000 agents whose only server restarts, whose work takes the
                                   time that was measured of real ones: a replica, and in the mode
                                   crd a kube-apiserver, which also ends all watches
  simrun load -scenario shared     500 readers of one replica that can serve half of them: how
                                   stale agents are with other readers beside them, and without

Of the proposal's nodes, -agents run an agent that is whole; what 1,000 of them cost is projected from
these, and the table says so.

A result is kept in the directory -o as soon as its run is over: the same command goes on
where an interrupted one stopped, with the runs that are missing.

Flags:

Examples:
  simrun load -scenario proposal
  simrun load -scenario proposal -endpoints objects -replicas 3 -o objects
  simrun load -scenario knee -svg knee.svg
  simrun load -scenario proposal -modes crd -metrics metrics

Exit status:
  0    all runs are made; that a claim is refuted is a result, not a failure
  2    bad flags or bad input
  3    a run failed
  130  interrupted; what was run until then is kept
`

// The scenarios of loads.
const (
	proposal = "proposal"
	knee     = "knee"
	growth   = "growth"
	storm    = "storm"
	shared   = "shared"
)

// plots are what -svg draws.
var plots = map[string]func([]*load.Result) string{knee: load.PlotKnee, proposal: load.PlotBusy, growth: load.PlotGrowth}

var scenarios = []string{proposal, knee, growth, storm, shared}

// loads is the command load.
type loads struct {
	scenario  string
	modes     modesFlag
	full      bool
	agents    int
	replicas  int
	endpoints string
	writerQPS int
	pods      int
	cores     int
	dir       string
	metrics   string
	svg       string
	workers   runs.Workers
	worker    runs.Worker
	limits    runs.Limits
	json      bool
	given     *console.Flags
}

func (l *loads) Flags(f *console.Flags) {
	shape := load.Proposal("", 10)
	l.modes, l.agents, l.replicas, l.endpoints, l.writerQPS, l.dir, l.given = modesFlag{"crd", "clustermesh"}, shape.Agents, shape.Replicas, "slices", shape.WriterQPS, "load", f
	l.pods, l.cores = 200, 2
	f.Add(&l.scenario, "scenario NAME", "proposal, knee, growth, storm or shared")
	f.Add(&l.full, "full", "of the proposal's load: all of it, and not a tenth")
	f.Add(&l.modes, "modes A,B", "of the proposal and of growth: the modes; crd,clustermesh")
	f.Add(&l.agents, "agents N", "of the proposal's load: how many of the nodes run an agent, 10; of the storm: how many agents there are, 1000")
	f.Add(&l.pods, "pods N", "of the storm: how many pods there are; 200")
	f.Add(&l.cores, "cores N", "of the storm: how many cores each server has, or 0, and work takes no time; 2")
	f.Add(&l.replicas, "replicas N", "of the proposal's load: replicas in the mode clustermesh; 2")
	f.Add(&l.endpoints, "endpoints KIND", "of the proposal's load: how endpoints are read, slices (CiliumEndpointSlices, the default) or objects (CiliumEndpoints)")
	f.Add(&l.writerQPS, "writer-qps N", "of the proposal's load: the writer's limit of requests/s; 50, the chart's")
	f.Add(&l.dir, "o DIR", `where results are kept; it is made if there is none; "load"`)
	f.Add(&l.metrics, "metrics DIR", "write what is counted, by second, as OpenMetrics text into this directory, a file for each run that is made; docs/metrics.md describes it")
	f.Add(&l.svg, "svg FILE", "of the knee: draw the curves; of the proposal's load and of growth, whose run with the most agents it is: draw how many cores servers are busy with over time, by prices")
	l.workers.Add(f)
	l.worker.Add(f)
	l.limits.Add(f)
	f.JSON(&l.json)
}

// Check refuses what does not fit together.
func (l *loads) Check() error {
	ofProposal, ofStorm := l.given.Given("full", "replicas", "endpoints", "writer-qps"), l.given.Given("pods", "cores")
	switch {
	case l.scenario == "":
		return console.Usagef("what load? Give -scenario proposal, knee, growth, storm or shared; simrun help load shows examples")
	case !slices.Contains(scenarios, l.scenario):
		return console.Usagef("-scenario: no load is called %q; want proposal, knee, growth, storm or shared", l.scenario)
	case l.scenario != proposal && ofProposal != "":
		return console.Usagef("%s is of -scenario proposal", ofProposal)
	case l.scenario != storm && ofStorm != "":
		return console.Usagef("%s is of -scenario storm", ofStorm)
	case l.scenario != proposal && l.scenario != storm && l.given.Given("agents") != "":
		return console.Usagef("-agents is of -scenario proposal and storm")
	case (l.scenario == storm || l.scenario == shared) && l.given.Given("modes") != "":
		return console.Usagef("-modes is not of -scenario %s, which has its own", l.scenario)
	case l.scenario == knee && l.given.Given("modes") != "":
		return console.Usagef("-modes is not of -scenario knee, whose writers are those of clustermesh")
	case plots[l.scenario] == nil && l.svg != "":
		return console.Usagef("-svg is of -scenario knee, proposal and growth")
	case l.pods < 0 || l.cores < 0:
		return console.Usagef("%s: want 0 or more", map[bool]string{true: fmt.Sprintf("-pods %d", l.pods), false: fmt.Sprintf("-cores %d", l.cores)}[l.pods < 0])
	case l.endpoints != "slices" && l.endpoints != "objects":
		return console.Usagef("-endpoints %s: want slices or objects", l.endpoints)
	case l.dir == "":
		return console.Usagef("-o needs the name of a directory")
	}
	for _, run := range l.runs() {
		if err := run.Plan().Validate(); err != nil {
			return console.Usagef("the plan of %s cannot be run: %w", run.Name, err)
		}
	}
	return cmp.Or(l.workers.Check(), l.worker.Check(), l.limits.Check(), output.Check([]string{l.worker.Path},
		output.To("o", l.dir, "", true), output.To("metrics", l.metrics, "", true), output.To("svg", l.svg, output.SVG, false)))
}

// runs are those of the scenario.
func (l *loads) runs() (all []load.Run) {
	switch l.scenario {
	case knee:
		return load.KneeRuns()
	case growth:
		return load.GrowthRuns(l.modes)
	case storm:
		agents := l.agents
		if l.given.Given("agents") == "" {
			agents = stormAgents
		}
		return load.StormRuns(agents, l.pods, l.cores)
	case shared:
		return load.SharedRuns()
	}
	parts, size := 10, "tenth"
	if l.full {
		parts, size = 1, "full"
	}
	for _, m := range l.modes {
		shape := load.Proposal(m, parts)
		shape.Agents, shape.Replicas, shape.Slices, shape.WriterQPS = l.agents, l.replicas, l.endpoints == "slices", l.writerQPS
		all = append(all, load.Run{Name: fmt.Sprintf("proposal-%s-%s", size, m), Shape: shape})
	}
	return all
}

// stormAgents is how many agents a storm has, if no flag says anything else.
const stormAgents = 1000

// The most that a run of -full takes, if no flag says anything else.
const (
	fullWall   = 2 * time.Hour
	fullMemory = 12 << 10 // MiB
)

func (l *loads) Run(ctx context.Context, c *console.Console) (int, error) {
	l.limits.Wall = cmp.Or(l.limits.Wall, fullWall)
	l.limits.Memory = cmp.Or(l.limits.Memory, fullMemory)
	runner, err := runs.Simulator(ctx, c, l.worker, l.limits)
	if err != nil {
		return 0, err
	}
	code, err := drive.CodeOf(runner.Worker.Path)
	if err != nil {
		return 0, err
	}
	all := l.runs()
	how := newHowFar(c, len(all))
	cfg := load.Config{Worker: code.Hash, Code: code.Versions(), Dir: l.dir, Runner: func(run load.Run) load.Runner {
		own := *runner
		own.Limits.OnProgress = how.of(run)
		return &own
	}}
	if l.metrics != "" {
		cfg.OnCount = func(run load.Run, count *load.Count) error {
			return output.WriteWith("metrics", filepath.Join(l.metrics, run.Name+".txt"), count.WriteOpenMetrics)
		}
	}
	end := c.Progress.KeepSaying(text.Count(len(all), "run"))
	results, err := cfg.All(ctx, all, int(l.workers))
	end()
	if err != nil {
		return 0, runs.Refused(c, err)
	}
	return console.StatusHold, l.write(c, results)
}

// loadLine is what -json writes of a run.
type loadLine struct {
	report.Header
	*load.Result
}

func (l *loads) write(c *console.Console, results []*load.Result) error {
	if l.svg != "" {
		if err := output.Write("svg", l.svg, []byte(plots[l.scenario](results))); err != nil {
			return err
		}
	}
	if l.json {
		for _, r := range results {
			if err := report.WriteLine(c.Stdout, loadLine{report.Head("load"), r}); err != nil {
				return err
			}
		}
		return nil
	}
	switch l.scenario {
	case knee:
		return load.WriteKnee(c.Stdout, results)
	case growth:
		return load.WriteGrowth(c.Stdout, l.modes, results)
	case storm:
		return load.WriteStorm(c.Stdout, results)
	case shared:
		return load.WriteShared(c.Stdout, results)
	}
	return load.WriteProposal(c.Stdout, results)
}

// howFar shows how much of several runs is done, and how long the rest takes.
type howFar struct {
	c     *console.Console
	start time.Time
	whole int

	mu   sync.Mutex
	part map[string]float64
}

func newHowFar(c *console.Console, runs int) *howFar {
	return &howFar{c: c, start: time.Now(), whole: runs, part: map[string]float64{}}
}

func (h *howFar) of(run load.Run) func(det.Progress) {
	length := run.Plan().Churn.Std() + 4*time.Minute // what comes before and after the load
	return func(p det.Progress) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.part[run.Name] = min(0.99, p.Virtual.Seconds()/length.Seconds())
		done := 0.0
		for _, part := range h.part {
			done += part / float64(h.whole)
		}
		left := time.Duration(float64(time.Since(h.start)) * (1 - done) / max(done, 1e-3))
		h.c.Progress.Show("%s %s, %.0f s virtual, %s left", console.Bar(int(done*1000), 1000), run.Name, p.Virtual.Seconds(), text.Rounded(left))
	}
}
