package measure

import (
	"flag"
	"fmt"
)

// FewWatchers are those beside which many are measured: what an event costs for each watcher is the difference.
const FewWatchers = 20

// Size is how much is measured, and where the file goes. The command that measures is started by simrun calibrate,
// which checks it.
type Size struct {
	Rounds   int // how often everything is measured
	Watchers int // the many
	Updates  int // that a round's figure is the mean of
	Out      string
}

// Flags adds the flags of the command that measures.
func (s *Size) Flags() {
	flag.IntVar(&s.Rounds, "rounds", 5, "how often everything is measured")
	flag.IntVar(&s.Watchers, "watchers", 320, "how many watchers there are at most")
	flag.IntVar(&s.Updates, "updates", 1000, "how many updates the figure of a round is the mean of")
	flag.StringVar(&s.Out, "out", "", "the file to write")
}

// Steps tells who has started the command how far it is.
type Steps struct {
	Total int
	done  int
}

// Done writes a line for a step that is over.
func (s *Steps) Done(what string) {
	s.done++
	fmt.Printf("%d/%d %s\n", s.done, s.Total, what)
}
