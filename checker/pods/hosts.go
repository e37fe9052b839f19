package pods

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/views"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

// elsewhere is of worlds with whole agents, which say themselves where their pods are: others send
// to a pod by the address of the host that they read.
var elsewhere = &property.Rule{Name: "elsewhere", Text: func(f *property.Facts) string {
	return fmt.Sprintf("pod %s has been as it is since %s on a node with %s, and when the run ended, %s later, what agents read said that it is behind %s", f.Key, text.Seconds(f.Since), f.Truth.Value, text.Seconds(f.After), f.Shown.Value)
}}

// wholeNodes are the nodes whose agents are whole by a history's plan: one word for all agents, or one for
// each, of the nodes n0, n1 and so on.
func wholeNodes(in *property.Input) map[string]bool {
	var plan struct {
		Topology struct{ Agents int }
		Options  struct{ Agents string }
	}
	nodes := map[string]bool{}
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return nodes
	}
	words := strings.Split(plan.Options.Agents, ",")
	for i := range plan.Topology.Agents {
		if words[min(i, len(words)-1)] == "whole" {
			nodes[fmt.Sprintf("n%d", i)] = true
		}
	}
	return nodes
}

// misplaced returns the host that is said of a pod in the end, if it is none of its node's, and the
// addresses that the node has.
func (s *started) misplaced(l *life, b *views.Birth) (host, addresses string) {
	if !s.whole[l.pod.Node] {
		return "", ""
	}
	for i := range s.in.Views.Entries {
		e := &s.in.Views.Entries[i]
		for c := range e.Claims {
			if e.Kind == history.Node && e.Key == l.pod.Node && index.Lasts(e.Claims[c].Live) {
				addresses = e.Claims[c].Value
			}
		}
	}
	for _, claim := range s.in.Views.Entries[b.Entry].Claims {
		if index.PossessionOf(claim.Value) != b.Who || !index.Lasts(claim.Live) {
			continue
		}
		for field := range strings.FieldsSeq(claim.Value) {
			if is, ok := strings.CutPrefix(field, "host="); ok {
				host = is
			}
		}
	}
	if addresses == "" || slices.Contains(strings.Fields(addresses), "InternalIP="+host) {
		return "", ""
	}
	return host, addresses
}
