package corpus

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Version is the version of the file form of findings and of the state.
const Version = 1

// Harness is the property of a finding that is about this project itself: a run
// that gave no history to judge. Its kind says how.
const Harness = "harness"

// Finding is one distinct way in which something is broken. Two runs show the same
// one if they break the same property on the same kind of object, and come about by the
// same known mechanism (checker.Cause) or, without one, need the same kinds of faults
// for it: the signature of a mechanism that nobody has followed yet.
type Finding struct {
	Property string       `json:"property"`
	Kind     string       `json:"kind,omitempty"`     // of the object; of Harness, how the worker failed
	Cause    string       `json:"cause,omitempty"`    // page in testdata/findings; empty: not explained
	Faults   []fault.Kind `json:"faults"`             // in the plan; sorted, each once
	Sentence string       `json:"sentence"`           // what its plan shows
	Minimal  bool         `json:"minimal"`            // nothing more can be left out of the plan; else the shrinking had no time, or failed
	Versions Versions     `json:"versions,omitempty"` // of what it was first seen with
	Count    int          `json:"count"`              // how many seeds showed it
	Seeds    []Occurrence `json:"seeds,omitempty"`    // those that showed it soonest, the fastest first

	Plan   *fault.Plan `json:"-"` // the smallest that shows it
	Output string      `json:"-"` // of Harness: the end of what the worker printed; not read back
}

// Versions are those of the code that ran, by its name, such as "cilium".
type Versions map[string]string

// Occurrence is a seed that showed a finding.
type Occurrence struct {
	Scenario string         `json:"scenario,omitempty"` // whose family the seed is of; empty: the swarm
	Seed     uint64         `json:"seed"`
	Virtual  fault.Duration `json:"virtual"` // until the first violation; zero if there was no history
	Wall     fault.Duration `json:"wall"`    // of the whole run
}

// mostSeeds is how many occurrences are kept of a finding: some findings show in
// every other seed.
const mostSeeds = 50

// New returns the finding that a plan shows, seen once.
func New(broken checker.Finding, plan *fault.Plan, sentence string, seen Occurrence) *Finding {
	f := &Finding{Property: broken.Property, Kind: broken.Kind, Cause: broken.Cause, Faults: Signature(plan), Sentence: sentence, Plan: plan}
	return f.Seen(seen)
}

// Seen returns the finding as seen once, by one seed, with the same plan.
func (f *Finding) Seen(by Occurrence) *Finding {
	seen := *f
	seen.Count, seen.Seeds = 1, []Occurrence{by}
	return &seen
}

// Signature returns the kinds of a plan's faults, sorted and each once.
func Signature(plan *fault.Plan) []fault.Kind {
	kinds := []fault.Kind{}
	for i := range plan.Faults {
		kinds = append(kinds, plan.Faults[i].Kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Panics tells whether the finding is a panic of the code under test.
func (f *Finding) Panics() bool { return f.Property == Harness && drive.PanicOf(f.Output) != nil }

// Broken is what the checker says of a run that shows the finding.
func (f *Finding) Broken() checker.Finding {
	return checker.Finding{Property: f.Property, Kind: f.Kind, Cause: f.Cause}
}

// Name is the finding's signature as the name of its folder. It begins with the mode
// of the plan, if that is not the default one.
func (f *Finding) Name() string {
	parts := []string{f.Property}
	if f.Plan.Mode != mode.Default.String() {
		parts = []string{f.Plan.Mode, f.Property}
	}
	if f.Kind != "" {
		parts = append(parts, f.Kind)
	}
	switch {
	case f.Cause != "":
		parts = append(parts, f.Cause)
	case f.Property != Harness:
		parts = append(parts, f.faultNames())
	}
	const longest = 150 // the file system takes 255, and a person less
	name := strings.Join(parts, ".")
	if len(name) > longest {
		name = fmt.Sprintf("%s-%x", name[:longest], sha256.Sum256([]byte(name)))[:longest+9]
	}
	return name
}

func (f *Finding) faultNames() string {
	if len(f.Faults) == 0 {
		return "no-fault"
	}
	names := make([]string, len(f.Faults))
	for i, kind := range f.Faults {
		names[i] = string(kind)
	}
	return strings.Join(names, "+")
}

// smaller tells whether a plan is easier to read than another.
func smaller(a, b *fault.Plan) bool {
	return cmp.Or(cmp.Compare(shrink.SizeOf(a).Decisions(), shrink.SizeOf(b).Decisions()), cmp.Compare(len(a.Line()), len(b.Line()))) < 0
}

// merge returns the finding with what another occurrence of it adds.
func (f *Finding) merge(other *Finding) *Finding {
	merged := *f
	merged.Seeds = slices.Clone(f.Seeds)
	merged.Count += other.Count
	for _, seen := range other.Seeds {
		// A seed may run again after the program was killed: it counts once, as long
		// as it is among the seeds kept.
		if slices.ContainsFunc(f.Seeds, func(s Occurrence) bool { return s.Seed == seen.Seed && s.Scenario == seen.Scenario }) {
			merged.Count--
		} else {
			merged.Seeds = append(merged.Seeds, seen)
		}
	}
	slices.SortFunc(merged.Seeds, func(a, b Occurrence) int {
		return cmp.Or(cmp.Compare(a.Virtual, b.Virtual), cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Scenario, b.Scenario))
	})
	merged.Seeds = merged.Seeds[:min(len(merged.Seeds), mostSeeds)]
	if smaller(other.Plan, f.Plan) {
		merged.Plan, merged.Faults, merged.Sentence, merged.Minimal = other.Plan, other.Faults, other.Sentence, other.Minimal
	}
	return &merged
}

// The file form: the version, then the finding.
type findingForm struct {
	Version int `json:"version"`
	Finding
}

var fileOfFinding = strictjson.Form{What: "finding", How: "simrun campaign writes one", Version: Version}

func (f *Finding) encode() []byte { return strictjson.Indented(findingForm{Version, *f}) }
