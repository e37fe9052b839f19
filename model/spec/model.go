// Package spec holds sequential specifications, in porcupine's form, of the
// systems that a run is judged against. A specification says what one client
// alone could observe; porcupine decides whether a concurrent history could have
// happened in some such order.
package spec

import (
	"cmp"
	"slices"

	"github.com/anishathalye/porcupine"
)

// place is what an operation is about: a key of a store, an object of a kind.
type place struct{ in, key string }

// model puts a specification together, of which each place starts in the state from. of says
// which place an operation is about; nil if all are about the same.
func model[S, I, O any](from S, step func(S, I, O) (bool, S), of func(I) place, describe func(I, O) string) porcupine.Model {
	m := porcupine.Model{
		Init:              func() any { return from },
		Step:              func(state, input, output any) (bool, any) { return step(state.(S), input.(I), output.(O)) },
		DescribeOperation: func(input, output any) string { return describe(input.(I), output.(O)) },
	}
	if of != nil {
		m.Partition = func(history []porcupine.Operation) [][]porcupine.Operation { return partition(history, of) }
	}
	return m
}

// partition splits a history by places, in their order.
func partition[I any](history []porcupine.Operation, of func(I) place) (parts [][]porcupine.Operation) {
	byPlace := map[place][]porcupine.Operation{}
	var places []place
	for _, op := range history {
		p := of(op.Input.(I))
		if byPlace[p] == nil {
			places = append(places, p)
		}
		byPlace[p] = append(byPlace[p], op)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.key, b.key)) })
	for _, p := range places {
		parts = append(parts, byPlace[p])
	}
	return parts
}
