package shrink

import "github.com/meshcheck/meshcheck/fault"

// simplifyPlan sets what concerns the plan as a whole to what a reader expects:
// all of it at once, or one thing after the other.
func simplifyPlan(s *search) {
	edits := planEdits(s.cfg.KeepSettle)
	all := func(p *fault.Plan) {
		for _, edit := range edits {
			edit(p)
		}
	}
	if s.edit(all) {
		return
	}
	for _, edit := range edits {
		s.edit(edit)
	}
}

// edit applies each edit to a copy of the best plan, and takes the first that
// keeps the finding. It tells whether there is one.
func (s *search) edit(edits ...func(*fault.Plan)) bool {
	return s.first(len(edits), func(i int) *fault.Plan {
		p := clone(s.best)
		edits[i](p)
		return p
	}) >= 0
}

// planEdits are the simplest settings. The options are those of Cilium's Helm
// chart, as in the comments of [fault.Options].
func planEdits(keepSettle bool) []func(*fault.Plan) {
	edits := []func(*fault.Plan){
		func(p *fault.Plan) { p.Options.Preempt = 0 },
		func(p *fault.Plan) { p.Network = fault.Network{LatencyMin: ms, LatencyMax: ms} },
		func(p *fault.Plan) { p.Options.EndpointSlices = false },
		func(p *fault.Plan) { p.Options.LeaseTTL = 0 },
		func(p *fault.Plan) { p.Options.SliceController, p.Options.SliceSize = "", 0 },
		func(p *fault.Plan) { p.Options.IdentityGCInterval, p.Options.IdentityTimeout = 0, 0 },
		func(p *fault.Plan) { p.Options.EndpointGCInterval = 0 },
		func(p *fault.Plan) { p.Options.IdentityManagement = "" },
		func(p *fault.Plan) { p.Options.IdentityJitter, p.Options.IdentitySyncInterval = 0, 0 },
		func(p *fault.Plan) { p.Options.WriterQPS = 50 },
		func(p *fault.Plan) { p.Options.WriterBootstrapQPS = 10_000 },
		func(p *fault.Plan) { p.Options.AgentQPS = 20 },
		func(p *fault.Plan) { p.Options.ClusterID = 1 },
		func(p *fault.Plan) { p.Options.ClusterName = "c1" },
		// What somebody promised for a scenario is not promised for a part of it.
		func(p *fault.Plan) { p.Promise = nil },
		func(p *fault.Plan) { eachPod(p, func(pod *fault.Pod) { pod.MoreIPs = nil }) },
		func(p *fault.Plan) { eachPod(p, func(pod *fault.Pod) { pod.Ports = nil }) },
		func(p *fault.Plan) { p.Nodes = nil },
		func(p *fault.Plan) {
			eachService(p, func(s *fault.Service) { s.Affinity, s.Local, s.Labels, s.Annotations = 0, false, nil, nil })
		},
		func(p *fault.Plan) { eachService(p, func(s *fault.Service) { s.PerSlice, s.Targets = 0, nil }) },
	}
	if !keepSettle {
		const short = 10 * second
		edits = append(edits, func(p *fault.Plan) { p.Settle = min(p.Settle, short) })
	}
	return edits
}

// eachPod changes the pods, at the start and as ops make and update them. An update that
// is left with nothing to do goes.
func eachPod(p *fault.Plan, change func(*fault.Pod)) {
	for i := range p.Pods {
		change(&p.Pods[i])
	}
	for i := range p.Ops {
		if pod := p.Ops[i].Pod; pod != nil {
			change(pod)
		}
	}
	repair(p)
}

// eachService changes the Services, at the start and as ops make and update them.
func eachService(p *fault.Plan, change func(*fault.Service)) {
	for i := range p.Services {
		change(&p.Services[i])
	}
	for i := range p.Ops {
		if s := p.Ops[i].Service; s != nil {
			change(s)
		}
	}
	repair(p)
}

// smallSeed replaces the seed by one of the first few.
func smallSeed(s *search) {
	const most = 4
	var edits []func(*fault.Plan)
	for seed := uint64(1); seed <= most && seed < s.best.Seed; seed++ {
		edits = append(edits, func(p *fault.Plan) { p.Seed = seed })
	}
	s.edit(edits...)
}
