package coverage

import (
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

// together tells whether a fault begins so that so many are in force, as everywhere not
// counting those that do nothing.
func together(n int) predicate {
	return func(w *world, r *history.Record) bool {
		felt := w.faults.felt()
		return len(felt) == n && felt[n-1].Number == r.Rev
	}
}

// strike tells whether a fault begins so that hosts of both roles are struck.
func strike(one, other mode.Role) predicate {
	return func(w *world, _ *history.Record) bool {
		return len(w.faults.felt()) > 1 && w.faults.strikes(one) && w.faults.strikes(other)
	}
}

var faultMarks = []Mark{
	{
		Name: "faults-two", verbs: on(history.Fault), after: together(2),
		Sentence: "two faults were in force at once",
	},
	{
		Name: "faults-three", verbs: on(history.Fault), after: together(3),
		Sentence: "three faults were in force at once",
	},
	{
		Name: "faults-five", verbs: on(history.Fault), after: together(5),
		Sentence: "five faults were in force at once",
	},
	{
		Name: "faults-replica-and-kube", verbs: on(history.Fault), after: strike(mode.Replica, mode.APIServer),
		Sentence: "faults struck a replica and a kube-apiserver at once",
	},
	{
		Name: "faults-replica-and-agent", verbs: on(history.Fault), after: strike(mode.Replica, mode.Agent),
		Sentence: "faults struck a replica and an agent at once",
	},
	{
		Name: "faults-agent-and-kube", verbs: on(history.Fault), after: strike(mode.Agent, mode.APIServer),
		Sentence: "faults struck an agent and a kube-apiserver at once",
	},
	{
		Name: "faults-operator-and-replica", verbs: on(history.Fault), after: strike(mode.Operator, mode.Replica),
		Sentence: "faults struck an operator and a replica at once",
	},
	{
		Name: "fault-by-trigger", verbs: on(history.Fault),
		Sentence: "a trigger fired and its fault began",
		before:   func(_ *world, r *history.Record) bool { return strings.HasPrefix(r.Value, "when ") },
	},
	{
		Name: "fault-before-complete-boot", verbs: on(history.Fault),
		Sentence: "a fault began before every agent was synced for the first time",
		before: func(w *world, _ *history.Record) bool {
			return w.anyAgent(func(a *agent) bool { return a.inc == 1 && !a.synced })
		},
	},
	{
		Name: "fault-unfired", verbs: on(history.Unfired),
		Sentence: "a fault of the plan did not happen",
		before:   func(*world, *history.Record) bool { return true },
	},
	{
		Name: "fault-idle", verbs: on(history.Fault),
		Sentence: "a fault took effect and did nothing",
		before:   func(w *world, _ *history.Record) bool { return !w.faults.ahead[0].Did },
	},
	{
		Name: "end-unsettled", verbs: on(history.Phase),
		Sentence: "the run ended at its bound, without having settled",
		before:   func(_ *world, r *history.Record) bool { return r.Key == "end" && r.Value == "bound" },
	},
}

// kindMarks are those that exist once for each kind of fault.
func kindMarks(kinds []string) (all []Mark) {
	for _, kind := range kinds {
		all = append(all, Mark{
			Name: "happened." + kind, verbs: on(history.Fault),
			Sentence: "a fault of the kind " + kind + " took effect and did something",
			before:   func(w *world, r *history.Record) bool { return r.Kind == kind && w.faults.ahead[0].Did },
		})
	}
	for _, kind := range kinds {
		all = append(all, Mark{
			Name: "connected-under." + kind, verbs: on(history.Connect),
			Sentence: "an agent connected with a replica while a fault of the kind " + kind + " that did something was in force, or within 10 s of its instant",
			before:   func(w *world, r *history.Record) bool { return w.faults.feels(kind, r.At) },
		})
	}
	return all
}
