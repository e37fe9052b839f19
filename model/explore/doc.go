// Package explore is an explicit-state model checker for models written in Go.
//
// # A model
//
// A model is a struct that is the state, initial states, actions that change the
// state, and properties. Nothing else exists: what a model does not put into its
// state it cannot depend on. See the example of New for a whole one.
//
//	type state struct{ Holder [2]bool }
//
//	m := explore.New[state]("mutex")
//	m.Init(state{})
//	m.Action("Lock(p0)", func(s *state) bool { ... })
//	m.Invariant("exclusive", func(s *state) bool { ... })
//	r, err := explore.Check(ctx, m, explore.Options{})
//
// An action is a function that either finds itself not enabled, and returns
// false, or makes the next state out of the one it is given, which is its own
// copy, and returns true. An action that can have several outcomes is a Choice. An
// execution begins in an initial state; in each state any enabled action may
// happen, one at a time. That is how messages are delayed, processes overtake each
// other and hosts crash: by actions that are enabled and do or do not happen.
//
// The state may have booleans, integers, strings, arrays, slices, maps and structs
// of them, exported or not. It must be bounded by the model's own guards, since
// every reachable state is visited. Fixed arrays of bytes are fastest (see
// package examples): such a state is copied and encoded by copying memory. A
// slice that stands for a set should be kept sorted, lest one set be several
// states. A type with AppendBinary and UnmarshalBinary encodes itself.
//
// # Properties
//
// Invariant is about states, Transition about steps, NoDeadlock about states
// without a step. Sometimes asks for a witness, so that a model in which nothing
// happens does not pass. Eventually, AlwaysEventually, EventuallyAlways and
// LeadsTo are about infinite behaviours, and hold only as far as WeakFair and
// StrongFair say that something must go on happening: without fairness, every
// behaviour may stop anywhere. Fairness and stuttering are as in TLA+ (L. Lamport,
// "Specifying Systems", chapter 8).
//
// # Verdicts
//
//   - Holds: every reachable state was visited, and there is no counterexample. Of
//     a Sometimes: there is a witness.
//   - Broken: here is the counterexample, an execution of the model. Breadth-first
//     it is one of the shortest, unless partial-order reduction has left those
//     out; of a liveness property it is the way to the cycle that is short.
//   - Unknown: the search ended before it could tell, and says why. A search cut
//     short by a bound never passes.
//
// Actions that no reachable state enables are listed as dead: often a guard is
// wrong. A counterexample prints as a table, one action to a line with what it
// changed, and has a JSON form.
//
// # Searching
//
// Check visits all states, breadth-first or depth-first, with several workers.
// Verdicts, counts and counterexamples do not depend on the number of workers, nor
// on the process or the machine. Seen states are kept as 64-bit fingerprints, at
// most 24 bytes each with what is needed to find the way to them. Two states with
// one fingerprint would be taken for one; Stats.Collision bounds the probability:
// 0.0003 for a hundred million states.
//
// Two reductions visit fewer states, where the model says how. Symmetry and
// Canonical identify states that differ by a renaming of agents, replicas or
// objects. When, Reads and Writes on actions, and Reads on properties, say what is
// independent, and of actions that do not concern each other not every order is
// tried. Both are off for liveness properties, and partial-order reduction is off
// for a property that does not say what it reads. What a model declares is
// believed; its tests should call Audit.
//
// Simulate follows random walks through models that are too large.
//
// # Limits
//
// A state is visited once, and its encoding waits in memory until then. There are
// at most 65,536 actions, 64 predicates of liveness properties in one search,
// 2^24 rounds of search (breadth-first: steps from the start), and 2^32 states for
// liveness. Liveness keeps the whole state graph in memory, and is decided by one
// worker once the graph is complete.
package explore
