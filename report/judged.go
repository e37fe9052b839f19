package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Standing is what a measurement says of something that is broken.
type Standing string

const (
	Known     Standing = "known"     // the same runs with a finding's repair do not have it
	Suspected Standing = "suspected" // a finding without a repair, by the records alone: it is not measured
	News      Standing = "news"      // no repair takes it away, whatever it looks like
)

// Standings are all, what matters most first.
func Standings() []Standing { return []Standing{News, Suspected, Known} }

// Judged is what is known of a property that runs break on a kind of object, after the
// same plans have run with repairs.
type Judged struct {
	Property string   `json:"property"`
	Kind     string   `json:"kind,omitempty"`
	Is       Standing `json:"is"`
	As       []string `json:"as,omitempty"`        // pages of testdata/findings; sorted
	Repairs  []string `json:"repairs,omitempty"`   // without each of which it stays
	Looks    []string `json:"looksLike,omitempty"` // pages, by the records; it decides nothing

	// Of how many runs it is broken: as they are, with all repairs in, and with Repairs alone.
	Without Share  `json:"without"`
	All     Share  `json:"withAll"`
	With    *Share `json:"with,omitempty"` // nil: which repairs it takes is not known

	Why   string   `json:"why,omitempty"` // it is news, or known as nothing
	First string   `json:"first"`         // violation of the first run
	Seeds []uint64 `json:"seeds"`         // that break it so, in order
}

// Share is how many of some runs break something. Those that leave it undecided are in neither.
type Share struct {
	Broken int `json:"broken"`
	Of     int `json:"of"`
}

func (s Share) String() string { return fmt.Sprintf("%d of %d", s.Broken, s.Of) }

// Finding is what is broken.
func (j *Judged) Finding() string {
	if j.Kind == "" {
		return j.Property
	}
	return j.Property + " of " + j.Kind
}

// String says what is known, in a few words behind its standing.
func (j *Judged) String() string {
	looks := ""
	if len(j.Looks) > 0 {
		looks = "; it looks like " + strings.Join(j.Looks, " and ")
	}
	switch j.Is {
	case Known:
		if j.With == nil {
			return fmt.Sprintf("gone with all repairs in, %s; %s break it without, %s with%s", j.Why, j.Without, j.All, looks)
		}
		together := ""
		if len(j.Repairs) > 1 {
			together = " together, and with none of them alone"
		}
		return fmt.Sprintf("as %s: gone with %s%s (%d of %d); %s break it without, %s with", strings.Join(j.As, " and "),
			strings.Join(j.Repairs, " and "), together, j.With.Of-j.With.Broken, j.With.Of, j.Without, j.With)
	case Suspected:
		return fmt.Sprintf("looks like %s, which has no repair: not measured; with all repairs in %s break it", strings.Join(j.As, " and "), j.All)
	}
	return fmt.Sprintf("%s; %s break it without, %s with all repairs in%s", j.Why, j.Without, j.All, looks)
}

// WriteJudged writes what is known of what runs break: news first.
func WriteJudged(out Output, all []Judged, replay func(seed uint64) string) {
	labels := map[Standing]string{News: out.Paint(Red, "  NEWS    "), Suspected: out.Paint(Yellow, "  suspect "), Known: out.Paint(Yellow, "  known   ")}
	for _, standing := range Standings() {
		for i := range all {
			j := &all[i]
			if j.Is != standing {
				continue
			}
			const under = "          "
			out.Row(labels[standing], "%s: %s", j.Finding(), j)
			out.Row(under, "seeds %s; the first: %s", seedList(j.Seeds, out.All()), j.First)
			if replay != nil && standing == News {
				out.Command("  replay  ", replay(j.Seeds[0]))
			}
		}
	}
}

// Tally counts seeds by what was measured of them; a seed of several kinds counts in each.
func Tally(all []Judged) map[Standing]int {
	seeds := map[Standing]map[uint64]bool{}
	for i := range all {
		if seeds[all[i].Is] == nil {
			seeds[all[i].Is] = map[uint64]bool{}
		}
		for _, seed := range all[i].Seeds {
			seeds[all[i].Is][seed] = true
		}
	}
	count := map[Standing]int{}
	for standing, of := range seeds {
		count[standing] = len(of)
	}
	return count
}

// Measured says in one line what is known of what some seeds break.
func Measured(all []Judged, done int) string {
	count, by := Tally(all), map[string]map[uint64]bool{}
	var names []string
	for i := range all {
		if j := &all[i]; j.Is == Known {
			name := cmp.Or(strings.Join(j.As, " + "), "by all repairs together")
			if by[name] == nil {
				by[name] = map[uint64]bool{}
				names = append(names, name)
			}
			for _, seed := range j.Seeds {
				by[name][seed] = true
			}
		}
	}
	var known []string
	for _, name := range names {
		known = append(known, fmt.Sprintf("%s %d", name, len(by[name])))
	}
	said := fmt.Sprintf("%s of %s with what no repair takes away; %s with what is known, measured", text.Thousands(count[News]), text.Count(done, "seed"), text.Thousands(count[Known]))
	if len(known) > 0 {
		said += ": " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("%s; %s with what looks like a finding without a repair, not measured", said, text.Thousands(count[Suspected]))
}
