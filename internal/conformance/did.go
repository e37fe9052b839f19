package conformance

import (
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report/life"
)

// Did is what the real code did where the counterexample has a step: a record of the history,
// as the life of its entry tells it.
type Did struct {
	At   string `json:"at"`   // virtual time, as "31.212s"
	Line int    `json:"line"` // of the history's file
	Text string `json:"text"`
}

// did tells the records of steps.
func did(x *index.Index, records []int) []Did {
	type told struct {
		entry int32
		life.Step
	}
	by := map[int]told{}
	contents := life.Tell(x, func(entry int32, s life.Step) {
		if _, known := by[s.Record]; !known && slices.Contains(records, s.Record) {
			by[s.Record] = told{entry, s}
		}
	})
	all := make([]Did, len(records))
	for i, record := range records {
		d := Did{At: text.Seconds(x.Records[record].At), Line: life.Line(record), Text: x.Records[record].String()}
		if s, known := by[record]; known {
			where, said := s.Where, s.Text
			if s.entry != life.OfHosts {
				e := &x.Views.Entries[s.entry]
				where += ", " + e.Kind + " " + e.Key
			}
			if s.Content > 0 {
				said = strings.Replace(said, life.Letter(s.Content-1), "<"+contents[s.entry][s.Content-1]+">", 1)
			}
			d.Text = where + ": " + said
		}
		all[i] = d
	}
	return all
}
