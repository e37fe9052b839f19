package checker

import (
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
)

// possession is what an endpoint's content, "id=65537 host=192.168.0.1 pod=ns/name",
// says of who has the address: the pod and its identity. The zero value is a
// content that does not say it.
type possession struct {
	pod      string // namespace/name
	identity string // decimal
}

func possessionOf(content string) possession {
	var p possession
	for field := range strings.FieldsSeq(content) {
		if id, ok := strings.CutPrefix(field, "id="); ok {
			p.identity = id
		} else if pod, ok := strings.CutPrefix(field, "pod="); ok {
			p.pod = pod
		}
	}
	if p.pod == "" || p.identity == "" {
		return possession{}
	}
	return p
}

func (p possession) String() string { return "pod " + p.pod + " with identity " + p.identity }

// owners are those who ever had the address of an endpoint entry, with the states
// in which they did, whatever else its contents say.
type owners struct {
	all     []possession
	live    [][]span // of each, in order
	byClaim []int32  // of each claim of the entry, its owner, or -1 if its content says none
}

// ownersOf returns the owners of an endpoint entry.
func (e *entry) ownersOf() owners {
	o := owners{byClaim: make([]int32, len(e.claims))}
	for c := range e.claims {
		o.byClaim[c] = -1
		p := possessionOf(e.claims[c].value)
		if p == (possession{}) || len(e.claims[c].live) == 0 {
			continue
		}
		i := int32(0)
		for int(i) < len(o.all) && o.all[i] != p {
			i++
		}
		if int(i) == len(o.all) {
			o.all, o.live = append(o.all, p), append(o.live, nil)
		}
		o.byClaim[c] = i
		o.live[i] = union(o.live[i], e.claims[c].live)
	}
	return o
}

// union returns the states of a and b, each in order and without overlap, as spans
// that are so too.
func union(a, b []span) []span {
	var all []span
	for len(a) > 0 || len(b) > 0 {
		if len(a) == 0 || len(b) > 0 && b[0].from < a[0].from {
			a, b = b, a
		}
		next := a[0]
		a = a[1:]
		if last := len(all) - 1; last >= 0 && next.from <= all[last].to {
			all[last].to = max(all[last].to, next.to)
		} else {
			all = append(all, next)
		}
	}
	return all
}

// ownersIn returns those who have the address in a state.
func (o *owners) ownersIn(s int32) []possession {
	var all []possession
	for i, p := range o.all {
		if covers(o.live[i], s) {
			all = append(all, p)
		}
	}
	return all
}

// reserved is whether an identity has a number below those that Cilium allocates,
// so that every agent knows it and there is no object of it (pkg/identity,
// MinimalNumericIdentity).
func reserved(identity string) bool {
	n, err := strconv.Atoi(identity)
	return err == nil && n < 256
}

// identityEntries returns the number of each identity's entry by its key.
func identityEntries(v *views) map[string]int32 {
	entries := map[string]int32{}
	for id := range v.entries {
		if v.entries[id].kind == history.Identity {
			entries[v.entries[id].key] = int32(id)
		}
	}
	return entries
}
