package index

import (
	"strconv"
	"strings"
)

// Possession is what an endpoint's content, "id=65537 host=192.168.0.1 pod=ns/name",
// says of who has the address: the pod and its identity. The zero value is a
// content that does not say it.
type Possession struct {
	pod      string // namespace/name
	Identity string // decimal
}

// PossessionOf reads the content of an endpoint.
func PossessionOf(content string) Possession {
	var p Possession
	for field := range strings.FieldsSeq(content) {
		if id, ok := strings.CutPrefix(field, "id="); ok {
			p.Identity = id
		} else if pod, ok := strings.CutPrefix(field, "pod="); ok {
			p.pod = pod
		}
	}
	if p.pod == "" || p.Identity == "" {
		return Possession{}
	}
	return p
}

// Pod is the pod, as "namespace/name".
func (p Possession) Pod() string { return p.pod }

func (p Possession) String() string { return "pod " + p.pod + " with identity " + p.Identity }

// Owners are those who ever had the address of an endpoint entry, with the states
// in which they did, whatever else its contents say.
type Owners struct {
	All     []Possession
	Live    [][]Span // of each, in order
	ByClaim []int32  // of each claim of the entry, its owner, or -1 if its content says none
}

// OwnersOf returns the owners of an endpoint entry.
func (e *Entry) OwnersOf() Owners {
	o := Owners{ByClaim: make([]int32, len(e.Claims))}
	for c := range e.Claims {
		o.ByClaim[c] = -1
		p := PossessionOf(e.Claims[c].Value)
		if p == (Possession{}) || len(e.Claims[c].Live) == 0 {
			continue
		}
		i := int32(0)
		for int(i) < len(o.All) && o.All[i] != p {
			i++
		}
		if int(i) == len(o.All) {
			o.All, o.Live = append(o.All, p), append(o.Live, nil)
		}
		o.ByClaim[c] = i
		o.Live[i] = union(o.Live[i], e.Claims[c].Live)
	}
	return o
}

// union returns the states of a and b, each in order and without overlap, as spans
// that are so too.
func union(a, b []Span) []Span {
	var all []Span
	for len(a) > 0 || len(b) > 0 {
		if len(a) == 0 || len(b) > 0 && b[0].From < a[0].From {
			a, b = b, a
		}
		next := a[0]
		a = a[1:]
		if last := len(all) - 1; last >= 0 && next.From <= all[last].To {
			all[last].To = max(all[last].To, next.To)
		} else {
			all = append(all, next)
		}
	}
	return all
}

// OwnersIn returns those who have the address in a state.
func (o *Owners) OwnersIn(s int32) []Possession {
	var all []Possession
	for i, p := range o.All {
		if Covers(o.Live[i], s) {
			all = append(all, p)
		}
	}
	return all
}

// Reserved is whether an identity has a number below those that Cilium allocates,
// so that every agent knows it and there is no object of it (pkg/identity,
// MinimalNumericIdentity).
func Reserved(identity string) bool {
	n, err := strconv.Atoi(identity)
	return err == nil && n < 256
}
