package runs

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/objects"
	"github.com/meshcheck/meshcheck/internal/family"
)

// Family says what plans of seeds are drawn from.
type Family struct {
	Scenario string
	Mode     Mode
	Agents   string
	Objects  console.List
	LeaveOut bool
	// ClusterID is that of the objects; zero: as the numbers of their identities say
	ClusterID int
}

func (p *Family) Add(f *console.Flags) {
	f.Add(&p.Scenario, "scenario NAME", "a scenario, or with seeds the members of its family; simrun faults lists them")
	f.Add(&p.Mode, "mode MODE", "how the agents of a drawn plan, or of a scenario, read: clustermesh (the default), the etcds of replicas, or with other ways to find them clustermesh/dialer and clustermesh/hostnetwork; crd, the kube-apiserver; kvstore, an etcd that they share and write; handover, CRDs until a replica can be read, by cut-over, or handover/merge, handover/precedence; a seed has the same workload in each")
	f.Add(&p.Agents, "agents WORDS", "what the agents of a drawn plan are: assembled (the default), put together from Cilium's readers, or whole, cilium-agent itself, in the mode crd; or a word for each, joined by commas")
	f.Add(&p.Objects, "objects FILE...", "start from these Kubernetes objects (YAML or JSON, from kubectl get ... -o yaml; - is standard input) in place of drawn pods and nodes")
	f.Add(&p.LeaveOut, "leave-out", "leave objects of other kinds out of -objects, with a count, in place of refusing them")
	f.Add(&p.ClusterID, "cluster-id N", "the cluster ID of -objects; needed above 255 (maxConnectedClusters: 511), where the number of an identity alone does not tell it")
}

// Plans returns the plans that the flags draw from.
func Plans(c *console.Console, p *Family) (*family.Family, error) {
	switch {
	case p.ClusterID < 0 || p.ClusterID > fault.MostClusters:
		return nil, console.Usagef("-cluster-id %d: ClusterMesh takes 1 to %d", p.ClusterID, fault.MostClusters)
	case p.ClusterID != 0 && len(p.Objects) == 0:
		return nil, console.Usagef("-cluster-id is that of -objects, and there are none")
	}
	cfg := draw.Config{Mode: p.Mode.Drawn(), Agents: fault.Agents(p.Agents)}
	if p.Scenario != "" { // whose own mode may be another one than the default
		cfg.Mode = string(p.Mode)
	}
	if len(p.Objects) > 0 {
		loaded, summary, err := objects.Load(objects.Config{LeaveOut: p.LeaveOut, ClusterID: p.ClusterID}, p.Objects...)
		if err != nil {
			return nil, console.Usage(err)
		}
		cfg.Objects, cfg.ClusterID = loaded, summary.ClusterID
		c.Places = summary.Places
		for _, line := range summary.Lines() {
			fmt.Fprintf(c.Stderr, "objects: %s\n", line)
		}
		for _, line := range summary.Missing() {
			fmt.Fprintf(c.Stderr, "note  %s\n", line)
		}
	}
	plans, err := family.New(p.Scenario, cfg)
	if err != nil {
		return nil, console.Usage(err)
	}
	return plans, nil
}

// Source names one plan, and the worker that runs it.
type Source struct {
	Seed Seed
	Plan string
	Family
	Worker Worker
	Limits Limits
}

func (s *Source) Add(f *console.Flags) {
	f.Add(&s.Seed, "seed N", "the seed, from 0 to 18446744073709551615")
	f.Add(&s.Plan, "plan FILE", "the plan, drawn before or edited; docs/plan.md describes it")
	s.Family.Add(f)
	s.Worker.Add(f)
	s.Limits.Add(f)
}

// Check refuses what does not fit together. Seeds tells whether there is a range of seeds, too.
func (s *Source) Check(seeds bool) error {
	switch {
	case seeds && (s.Seed.Given || s.Plan != ""):
		return console.Usagef("-seed, -seeds and -plan exclude each other")
	case s.Seed.Given && s.Plan != "":
		return console.Usagef("-seed and -plan exclude each other")
	case !s.Seed.Given && !seeds && s.Scenario == family.Reference:
		return console.Usagef("-scenario %s needs -seed N or -seeds A-B: it has no plan of its own", family.Reference)
	case s.Scenario != "" && s.Plan != "":
		return console.Usagef("-scenario and -plan exclude each other")
	case s.Scenario != "" && len(s.Objects) > 0:
		return console.Usagef("-scenario and -objects exclude each other: a scenario starts from its own pods; write a plan with -seed N -objects FILE -write-plan plan.json, put the faults of the scenario's plan (-scenario %s -write-plan scenario.json) into it, and run it with -plan plan.json", s.Scenario)
	case s.Plan != "" && len(s.Objects) > 0:
		return console.Usagef("-plan and -objects exclude each other: a plan carries its objects")
	case s.Plan != "" && s.ClusterID != 0:
		return console.Usagef("-plan and -cluster-id exclude each other: a plan carries its cluster ID")
	case s.Plan != "" && s.Mode != "":
		return console.Usagef("-plan and -mode exclude each other: a plan carries its mode")
	case s.Plan != "" && s.Agents != "":
		return console.Usagef("-plan and -agents exclude each other: a plan says in options.agents what they are")
	}
	return cmp.Or(s.Worker.Check(), s.Limits.Check())
}

// Inputs are the files that a run is made of.
func (s *Source) Inputs() []string { return append([]string{s.Plan, s.Worker.Path}, s.Objects...) }

// Read draws or reads the plan that the flags name.
func (s *Source) Read(c *console.Console) (name string, plan *fault.Plan, err error) {
	if s.Plan != "" {
		if plan, err = fault.ReadFile(s.Plan); err != nil {
			return "", nil, console.Usage(err)
		}
		return s.Plan, plan, nil
	}
	plans, err := Plans(c, &s.Family)
	if err != nil {
		return "", nil, err
	}
	if !s.Seed.Given { // a scenario as it is written
		return plans.Name(), plans.Plan, nil
	}
	if plan, err = plans.Member(s.Seed.N); err != nil {
		return "", nil, console.Usage(err)
	}
	return plans.NameOf(s.Seed.N), plan, nil
}

// Arguments are the flags that name the plan of a run.
func (s *Source) Arguments(seed uint64) (args []string) {
	if s.Scenario != "" {
		args = []string{"-scenario", s.Scenario}
	}
	switch {
	case s.Plan != "":
		args = []string{"-plan", s.Plan}
	case s.Seed.Given:
		args = append(args, "-seed", strconv.FormatUint(seed, 10))
	}
	if len(s.Objects) > 0 {
		args = append(append(args, "-objects"), s.Objects...)
		if s.LeaveOut {
			args = append(args, "-leave-out")
		}
		if s.ClusterID != 0 {
			args = append(args, "-cluster-id", strconv.Itoa(s.ClusterID))
		}
	}
	if s.Scenario != "" || s.Mode.Drawn() != "" {
		args = append(args, s.Mode.Arguments()...)
	}
	if s.Agents != "" {
		args = append(args, "-agents", s.Agents)
	}
	return append(args, s.Worker.Arguments()...)
}
