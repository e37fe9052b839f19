package coverage

import (
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
)

var kubeMarks = []Mark{
	{
		Name: "all-kube-apiservers-down", verbs: on(history.Down),
		Sentence: "every kube-apiserver was down at once",
		after:    func(w *world, r *history.Record) bool { return r.Kind == "kube" && w.kubesUp() == 0 },
	},
	{
		Name: "write-while-kube-apiserver-down", verbs: on(history.Write),
		Sentence: "a write succeeded while one of the kube-apiservers was down",
		before:   func(w *world, _ *history.Record) bool { return w.kubesUp() < len(w.kubes) },
	},
	{
		Name: "object-through-two-kube-apiservers", verbs: on(history.Write),
		Sentence: "an object was written through another kube-apiserver than the time before",
		before: func(w *world, r *history.Record) bool {
			last := w.written(r)
			return last != nil && last.Actor != r.Actor
		},
	},
	{
		Name: "kube-apiserver-refuses", verbs: on(history.Net),
		Sentence: "a connection with a kube-apiserver was refused",
		before:   func(_ *world, r *history.Record) bool { return r.Key == "refuse" && mode.APIServer.Is(r.Peer) },
	},
	{
		Name: "writer-loses-kube-apiserver", verbs: on(history.Net),
		Sentence: "a replica's connection with a kube-apiserver was reset or timed out",
		before: func(_ *world, r *history.Record) bool {
			return mode.Replica.Is(r.Actor) && mode.APIServer.Is(r.Peer) && (r.Key == "reset" || r.Key == "timeout")
		},
	},
	{
		Name: "new-leader", verbs: on(history.Ready),
		Sentence: "another operator became the leader",
		before: func(w *world, r *history.Record) bool {
			return mode.Operator.Is(r.Actor) && w.led != "" && w.led != r.Actor
		},
	},
	{
		Name: "two-leaders", verbs: on(history.Ready),
		Sentence: "an operator became the leader while another one thought that it led",
		before: func(w *world, r *history.Record) bool {
			return mode.Operator.Is(r.Actor) && len(w.leaders) > 0 && !w.leaders[r.Actor]
		},
	},
	{
		Name: "leader-ends", verbs: on(history.Down),
		Sentence: "the operator that led ended",
		before: func(w *world, r *history.Record) bool {
			return r.Kind == "operator" && w.led == r.Actor
		},
	},
	{
		Name: "write-without-leader", verbs: on(history.Write),
		Sentence: "a pod was created or deleted while no operator led, though one had",
		before: func(w *world, r *history.Record) bool {
			return w.led != "" && len(w.leaders) == 0 && r.Kind == "Pod"
		},
	},
}

func (w *world) kubesUp() (n int) {
	for _, k := range w.kubes {
		if k.up {
			n++
		}
	}
	return n
}
