package checker

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/history"
	english "github.com/meshcheck/meshcheck/internal/text"
)

// Stalls sums up how often goroutines of the code under test lost their CPU, as the
// plan asked for.
type Stalls struct {
	Count   int           `json:"count"`
	Places  int           `json:"places"`  // in the code
	Total   time.Duration `json:"total"`   // ns, of all together
	Longest time.Duration `json:"longest"` // ns
	Host    string        `json:"host"`    // of the longest
	Line    string        `json:"line"`    // of the source, where that was
}

// stalls is nil for a run without any.
func stalls(records []history.Record) *Stalls {
	type place struct {
		function string
		offset   int64
	}
	places := map[place]bool{}
	var all Stalls
	for i := range records {
		r := &records[i]
		if r.Verb != history.Stall {
			continue
		}
		places[place{r.Key, r.Bytes}] = true
		all.Count++
		length := r.At - r.From
		all.Total += length
		if length > all.Longest {
			all.Longest, all.Host, all.Line = length, r.Actor, r.Value
		}
	}
	if all.Count == 0 {
		return nil
	}
	all.Places = len(places)
	return &all
}

// String is a sentence.
func (s *Stalls) String() string {
	return fmt.Sprintf("%s at %s, %.1f s in all; the longest, %.1f ms, on %s at %s",
		english.Count(s.Count, "stall"), english.Count(s.Places, "place"), s.Total.Seconds(), float64(s.Longest.Microseconds())/1000, s.Host, s.Line)
}
