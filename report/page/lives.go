package page

import (
	"slices"

	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report/life"
)

// parts are the parts of the world that a step may be of, as assets/life.js numbers them.
var parts = []life.Part{life.Truth, life.Sent, life.Store, life.View, life.Datapath, life.Process, life.Connection, life.Fault}

// lives adds the lives of all entries, as life tells them: the steps of each entry after those
// of the one before, then those of hosts, a column for each field. It returns the contents of
// each entry.
func lives(b *bundle, t *texts, x *index.Index) (contents [][]string) {
	hosts := len(x.Views.Entries)
	of := make([][]life.Step, hosts+1)
	contents = life.Tell(x, func(entry int32, s life.Step) {
		group := int(entry)
		if entry == life.OfHosts {
			group = hosts
		}
		of[group] = append(of[group], s)
	})
	all := slices.Concat(of...)
	column := func(name string, number func(s *life.Step) int64) {
		b.numbers("life."+name, "uint", len(all), func(i int) int64 { return number(&all[i]) })
	}
	ends := func(name string, lengths func(i int) int, count int) {
		sum := 0
		b.numbers(name, "delta", count, func(i int) int64 { sum += lengths(i); return int64(sum) })
	}
	ends("life.ends", func(i int) int { return len(of[i]) }, len(of))
	last := int64(0)
	b.numbers("life.record", "int", len(all), func(i int) int64 { // how much more it is than the one before
		more := int64(all[i].Record) - last
		last = int64(all[i].Record)
		return more
	})
	column("part", func(s *life.Step) int64 { return int64(slices.Index(parts, s.Part)) })
	column("where", func(s *life.Step) int64 { return t.number(s.Where) })
	column("text", func(s *life.Step) int64 { return t.number(s.Text) })
	column("agent", func(s *life.Step) int64 { return t.number(s.Agent) })
	column("content", func(s *life.Step) int64 { return int64(s.Content) })

	values := slices.Concat(contents...)
	ends("contents.ends", func(i int) int { return len(contents[i]) }, len(contents))
	b.numbers("contents", "uint", len(values), func(i int) int64 { return t.number(values[i]) })
	return contents
}
