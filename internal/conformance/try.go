package conformance

import (
	"cmp"
	"context"
	"fmt"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// Tried is what came of running the plan of a counterexample with several seeds.
type Tried struct {
	Runs     int      // that went as the counterexample
	Seeds    []uint64 // of those that break the property, in order
	Sentence string   // of the first seed that breaks it; if none does, of the first seed
	Seed     uint64   // that the sentence is of
	Did      []Did    // in the run with that seed: by step of the counterexample
}

// Try runs the plan of a counterexample with each seed, so many at a time, and judges the
// property. The error is a *det.Failure if a worker failed, and says so if no run went
// as the counterexample.
func Try(ctx context.Context, r drive.Runner, c *mesh.Counterexample, plan *fault.Plan, seeds drive.Seeds, parallel int) (Tried, error) {
	rulings := map[uint64]Ruling{}
	err := drive.Each(ctx, seeds.All(), parallel, func(ctx context.Context, seed uint64) (Ruling, error) {
		return run(ctx, r, c, plan, seed)
	}, func(seed uint64, ruling Ruling) error {
		rulings[seed] = ruling
		return nil
	})
	if err != nil {
		return Tried{}, err
	}
	var t Tried
	missed := ""
	for seed := range seeds.All() {
		j := rulings[seed]
		switch {
		case j.Missed != "":
			missed = cmp.Or(missed, fmt.Sprintf("with seed %d %s", seed, j.Missed))
			continue
		case j.Broken && len(t.Seeds) == 0, t.Runs == 0:
			t.Sentence, t.Seed, t.Did = j.Sentence, seed, j.Did
		}
		t.Runs++
		if j.Broken {
			t.Seeds = append(t.Seeds, seed)
		}
	}
	if t.Runs == 0 {
		return Tried{}, fmt.Errorf("no run of the plan went as the counterexample: %s", missed)
	}
	return t, nil
}

func run(ctx context.Context, r drive.Runner, c *mesh.Counterexample, plan *fault.Plan, seed uint64) (Ruling, error) {
	seeded := *plan
	seeded.Seed = seed
	result, err := r.Run(ctx, &seeded)
	if err != nil {
		return Ruling{}, err
	}
	return Judge(c, &seeded, result.Index, result.Verdict)
}

// Outcome is what the runs say about the counterexample; or, of one that was run with
// repairs, about them.
func (t Tried) Outcome(repaired bool) Outcome {
	broke := len(t.Seeds) > 0
	switch {
	case repaired && broke:
		return NotRepaired
	case repaired:
		return Repaired
	case broke:
		return Reproduced
	}
	return Refuted
}
