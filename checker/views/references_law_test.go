package views

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// society draws a small cluster in which two agents see pods, of three addresses and
// two identities, in any order.
type society struct {
	t       *rapid.T
	records []history.Record
	now     time.Duration
	rv      int64
	up      map[string]bool
	live    map[string]string // by kind and key: the content that is true
}

func drawSociety(t *rapid.T) *society {
	c := &society{t: t, up: map[string]bool{}, live: map[string]string{}}
	c.add(history.Record{Actor: "world", Verb: history.Phase, Key: "churn"})
	for range rapid.IntRange(5, 60).Draw(t, "steps") {
		c.now += time.Duration(rapid.IntRange(0, 2).Draw(t, "ticks")) * time.Second
		agent := rapid.SampledFrom([]string{"a0", "a1"}).Draw(t, "agent")
		switch rapid.SampledFrom([]string{"truth", "truth", "change", "change", "change", "change", "restart"}).Draw(t, "step") {
		case "truth":
			c.truth()
		case "restart":
			verb := history.Up
			if c.up[agent] {
				verb = history.Down
			}
			c.up[agent] = !c.up[agent]
			c.add(history.Record{Actor: agent, Verb: verb, Kind: "agent"})
		case "change":
			if c.up[agent] {
				c.change(agent)
			}
		}
	}
	c.now += time.Second
	c.add(history.Record{Actor: "world", Verb: history.Phase, Key: "end", Value: "bound"})
	return c
}

func (c *society) add(r history.Record) {
	r.At = c.now
	c.records = append(c.records, r)
}

func (c *society) entry() (kind, key, value string) {
	identity := rapid.SampledFrom([]string{"300", "301"}).Draw(c.t, "identity")
	if rapid.Bool().Draw(c.t, "is identity") {
		return history.Identity, identity, "web"
	}
	return history.Endpoint, rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}).Draw(c.t, "address"), "id=" + identity + " host=h pod=ns/p"
}

func (c *society) truth() {
	kind, key, value := c.entry()
	c.rv++
	r := history.Record{Actor: "k0", Verb: history.Truth, Kind: kind, Key: key, Owner: "x", RV: c.rv, Op: "put", Value: value}
	if c.live[kind+key] != "" && rapid.Bool().Draw(c.t, "delete") {
		r.Op, r.Value = "del", ""
	}
	c.live[kind+key] = r.Value
	c.add(r)
}

func (c *society) change(agent string) {
	kind, key, value := c.entry()
	r := history.Record{Actor: agent, Verb: history.See, Kind: kind, Key: key, Value: value}
	if rapid.IntRange(0, 3).Draw(c.t, "drop") == 0 {
		r.Verb, r.Value = history.Drop, ""
	}
	if kind == history.Endpoint && rapid.Bool().Draw(c.t, "datapath") {
		r.Verb = map[history.Verb]history.Verb{history.See: history.Program, history.Drop: history.Unprogram}[r.Verb]
	}
	c.add(r)
}

// shown gives what agents show after each record, by agent, layer, kind and key, in
// the plainest form.
func (c *society) shown(each func(after int, up map[string]bool, shown map[string]string)) {
	up, shown := map[string]bool{}, map[string]string{}
	for i, r := range c.records {
		switch r.Verb {
		case history.Up, history.Down:
			up[r.Actor] = r.Verb == history.Up
			for at := range shown {
				if at[:3] == r.Actor+"v" {
					delete(shown, at)
				}
			}
		case history.See:
			shown[r.Actor+"v"+r.Kind+r.Key] = r.Value
		case history.Drop:
			delete(shown, r.Actor+"v"+r.Kind+r.Key)
		case history.Program:
			shown[r.Actor+"d"+r.Kind+r.Key] = r.Value
		case history.Unprogram:
			delete(shown, r.Actor+"d"+r.Kind+r.Key)
		}
		each(i, up, shown)
	}
}

// TestReferencesAgreeWithAPlainCount compares what dangles, and when, with a count
// that looks at everything after each record.
func TestReferencesAgreeWithAPlainCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawSociety(t)
		type since struct {
			at   time.Duration
			name string
		}
		var want []string
		began := map[string]since{}
		kept := map[string]bool{} // what a datapath has from before its agent's start, which is not complete
		c.shown(func(i int, up map[string]bool, shown map[string]string) {
			r := &c.records[i]
			switch {
			case r.Verb == history.Up || r.Verb == history.Down:
				for at := range shown {
					kept[at] = kept[at] || at[:3] == r.Actor+"d"
				}
			case r.Verb == history.Program || r.Verb == history.Unprogram:
				delete(kept, r.Actor+"d"+r.Kind+r.Key)
			}
			for _, agent := range []string{"a0", "a1"} {
				for _, l := range []string{"v", "d"} {
					for _, key := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
						at := agent + l + history.Endpoint + key
						identity := index.PossessionOf(shown[at]).Identity
						name := ""
						if _, knows := shown[agent+"v"+history.Identity+identity]; up[agent] && identity != "" && !knows && !kept[at] {
							name = fmt.Sprint(agent, l, key, " ", identity)
						}
						if b := began[at]; b.name != name || i == len(c.records)-1 {
							if b.name != "" {
								want = append(want, fmt.Sprint(b.name, " ", b.at, " ", r.At))
							}
							began[at] = since{r.At, name}
						}
					}
				}
			}
		})
		var got []string
		in := &property.Input{Index: index.New(&history.History{Records: c.records}), Deadline: 0}
		for _, d := range followReferences(in).Dangles {
			got = append(got, fmt.Sprint(in.Views.Agents[d.Agent], []string{"v", "d"}[d.Layer], in.Views.Entries[d.Entry].Key, " ", d.Identity, " ", d.From, " ", d.To))
		}
		slices.SortFunc(want, cmp.Compare)
		slices.SortFunc(got, cmp.Compare)
		require.Equal(t, want, got)
	})
}

// TestReadinessAgreesWithAPlainCount compares when each pod was usable with a count
// that looks at everything after each record.
func TestReadinessAgreesWithAPlainCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawSociety(t)
		in := &property.Input{Index: index.New(&history.History{Records: c.records}), Deadline: 0}
		x := newOwnerIndex(in)
		births := birthsOf(in, x, 0, len(c.records))
		n := newPendingPods(in, x)
		for _, b := range births {
			n.follow(b)
		}
		want := make([]time.Duration, len(births))
		for i := range want {
			want[i] = index.Unready
		}
		c.shown(func(after int, up map[string]bool, shown map[string]string) {
			for i, b := range births {
				if want[i] != index.Unready || after < int(b.Record) || after >= int(b.Ended) {
					continue
				}
				key := history.Endpoint + in.Views.Entries[b.Entry].Key
				all, any := true, false
				for _, agent := range in.Views.Agents {
					if !up[agent] {
						continue
					}
					any = true
					_, knows := shown[agent+"v"+history.Identity+b.Who.Identity]
					has := index.PossessionOf(shown[agent+"v"+key]) == b.Who && (!n.Datapaths || index.PossessionOf(shown[agent+"d"+key]) == b.Who)
					all = all && knows && has
				}
				if all && any {
					want[i] = c.records[after].At
				}
			}
		})
		for i, b := range births {
			require.Equal(t, want[i], b.Ready[usable], "%s from %v on", b.Who, b.At)
		}
	})
}
