package checker

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
)

// Echoes returns which of the broken properties only echo another: by its name, the
// property that broke first. Each violation of an echo is one ground seen once more: by
// the same mechanism, or about the same agent and entry at the same instant, as one of a
// property that it rests on. A property that the mode promises is no echo of one that it
// does not promise.
func (v Verdict) Echoes() map[string]string {
	rests := map[string][]string{}
	for _, p := range Properties() {
		rests[p.Name] = p.RestsOn
	}
	echoes := map[string]string{}
	for _, r := range v.Results {
		for _, name := range rests[r.Property] {
			ground, _ := v.Result(name)
			if r.Outcome == property.Fail && ground.Outcome == property.Fail && (ground.Promised || !r.Promised) && echoesAll(ground.Violations, r.Violations) {
				echoes[r.Property] = name
				break
			}
		}
	}
	for name, ground := range echoes {
		for further := echoes[ground]; further != ""; further = echoes[further] {
			echoes[name] = further
		}
	}
	return echoes
}

// echoesAll reports whether each of some violations echoes one of the ground's.
func echoesAll(ground, violations []Violation) bool {
	// Where a mechanism is at work: with some agent, and anywhere.
	with, anywhere, places := map[place]bool{}, map[string]bool{}, map[place]bool{}
	for i := range ground {
		g := &ground[i]
		for _, name := range mechanismsOf(g) {
			with[place{agent: agentOf(g), mechanism: name}] = true
			anywhere[name] = true
		}
		places[place{agent: agentOf(g), kind: g.Kind, key: g.Key, at: g.At}] = true
	}
	for i := range violations {
		v := &violations[i]
		known := mechanismsOf(v)
		byMechanism := len(known) > 0 && !slices.ContainsFunc(known, func(name string) bool {
			return !with[place{agent: agentOf(v), mechanism: name}] && !with[place{mechanism: name}] && (agentOf(v) != "" || !anywhere[name])
		})
		at := place{agent: agentOf(v), kind: v.Kind, key: v.Key, at: v.At}
		whole := place{agent: agentOf(v), at: v.At} // the ground is about the agent's whole view
		if !byMechanism && !(agentOf(v) != "" && (places[at] || places[whole])) {
			return false
		}
	}
	return true
}

// place is where a violation is, or by what it came about.
type place struct {
	agent, kind, key string
	at               time.Duration
	mechanism        string
}

// agentOf is the agent that a violation is about, or the client that is one.
func agentOf(v *Violation) string { return cmp.Or(v.Agent, v.Client) }

func mechanismsOf(v *Violation) (names []string) {
	if v.Cause != nil {
		for i := range v.Cause.Proofs {
			names = append(names, v.Cause.Proofs[i].Mechanism)
		}
	}
	return names
}
