package draw

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

// drawWorkload draws the pods at the start and the ops. What is drawn are intents
// (numbers); a generator then turns each into an op that is possible at its time.
//
// Names and IPs come from small pools so that each is used again soon: identities
// and IPs that come back with another meaning are where agents go wrong.
func drawWorkload(from source, p *fault.Plan, s shape, objects fault.Given) {
	s.pods = max(s.pods, len(objects.Running(p.Options.EndpointSlices)))
	g := newGenerator(p, s, objects)
	if len(objects.Pods) == 0 {
		for _, intent := range intents(from, "pods", s.pods) {
			p.Pods = append(p.Pods, *g.newPod(intent))
		}
	}
	for _, step := range drawSteps(from, p, s) {
		g.step(step)
	}
}

// An intent holds the choices of one op, each to be taken modulo what there is to
// choose from.
type intent struct {
	verb      int // 0 to 99
	pick      int // a live pod, or a node
	namespace int
	app       int
	node      int
	ip        int
	late      fault.Duration // since the start of the op's slot, if that is a second long
}

const intentsPerChunk = 20

// intentChunk draws intents by the chunk: one stream per op would cost more than
// the rest of the drawing.
var intentChunk = rapid.Custom(func(t *rapid.T) [intentsPerChunk]intent {
	var chunk [intentsPerChunk]intent
	for i := range chunk {
		chunk[i] = intent{
			verb:      choice.Draw(t, "verb") % 100,
			pick:      choice.Draw(t, "pick"),
			namespace: choice.Draw(t, "namespace"),
			app:       choice.Draw(t, "app"),
			node:      choice.Draw(t, "node"),
			ip:        choice.Draw(t, "ip"),
			late:      fault.Duration(choice.Draw(t, "late")%1000) * fault.Duration(time.Millisecond),
		}
	}
	return chunk
})

// choice draws a number that is even enough modulo any small count: its bias is
// in its upper bits, and a multiplication by an odd number spreads it.
var choice = rapid.Map(rapid.Uint64(), func(u uint64) int { return int(u * 0x9e3779b97f4a7c15 >> 33) })

func intents(from source, purpose string, n int) []intent {
	var all []intent
	for chunk := 0; len(all) < n; chunk++ {
		drawn := draw(from, intentChunk, purpose, chunk)
		all = append(all, drawn[:]...)
	}
	return all[:n]
}

// A step is an intent at its time, of a pod, a node, a namespace or what one of them has.
type step struct {
	at   fault.Duration
	what string
	intent
}

// drawSteps returns the steps of the churn phase in order of time: a pod step per
// slot, a few node steps, rarely the deletion of a namespace, and, where they have
// content, some steps that change it.
func drawSteps(from source, p *fault.Plan, s shape) []step {
	var steps []step
	slots := int(p.Churn / s.opEvery)
	for i, intent := range intents(from, "ops", slots) {
		steps = append(steps, step{fault.Duration(i)*s.opEvery + intent.late/ms*s.opEvery/1000, "pod", intent})
	}
	rare := draw(from, rareSteps, "rare")
	for _, intent := range intents(from, "nodes", rare.nodes) {
		steps = append(steps, step{fault.Duration(intent.pick%slots)*s.opEvery + intent.late/ms*s.opEvery/1000, "node", intent})
	}
	if rare.namespace {
		intent := intents(from, "namespaces", 1)[0]
		steps = append(steps, step{fault.Duration(intent.pick%slots)*s.opEvery + intent.late/ms*s.opEvery/1000, "namespace", intent})
	}
	if s.rich.is {
		for _, intent := range intents(from, "content", s.rich.steps) {
			steps = append(steps, step{fault.Duration(intent.namespace%slots)*s.opEvery + intent.late/ms*s.opEvery/1000, "content", intent})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return steps
}

type rare struct {
	nodes     int
	namespace bool
}

var rareSteps = rapid.Custom(func(t *rapid.T) rare {
	return rare{
		nodes:     2 + uniform(t, 5, "nodes"),
		namespace: uniform(t, 4, "namespace") == 0,
	}
})

func appName(i int) string       { return fmt.Sprintf("app%d", i) }
func namespaceName(i int) string { return fmt.Sprintf("ns%d", i) }
