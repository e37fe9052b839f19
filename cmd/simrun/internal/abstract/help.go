// Package abstract is the command model: it explores the abstract mesh, and runs its
// counterexamples on the real code.
package abstract

import "github.com/meshcheck/meshcheck/cmd/simrun/internal/console"

// Model explores the abstract mesh.
var Model = console.Entry{New: func() console.Command { return new(abstract) }, Help: modelHelp}

const modelHelp = `
model explores an abstract control plane: every interleaving of a kube-apiserver,
replicas with their etcds, agents, pods whose addresses are used again, and
faults. Without -real it runs no code of Cilium's and needs no worker. docs/model.md
says what is in the model and what is not.

  simrun model -all              the verdict of every property in every mode
  simrun model -mode MODE        one mode, with the shortest counterexamples
  simrun model -all -real        the same as -all, and what Cilium's code does in the
                                 order of events of each counterexample

A mode is a base, and repairs behind plus signs: clustermesh+sweep+fence.
  crd          agents watch the kube-apiserver
  kvstore      one shared, persistent etcd
  clustermesh  the proposal: each agent reads the ephemeral etcd of a replica
  handover     the same, but an agent reads CRDs while no etcd can be reached
  direct       agents write to the ephemeral etcd of a replica
  central      replicas compute what agents need from two kinds of objects
Repairs, of clustermesh and handover:
  sweep        a new writer deletes the keys that are not in its list
  token        an etcd that starts empty has a new cluster ID
  heartbeat    a replica whose watch is cut stops its heartbeat
  fence        canaries carry the resourceVersion reached; agents refuse older
  kept         the fence outlives a restart of the agent
  anchor       an agent that restarts asks the kube-apiserver for its fence
  cutover      in a handover one source is stopped before the other is used

Flags:

Examples:
  simrun model -all
  simrun model -mode clustermesh -property monotonic
  simrun model -mode handover+cutover -agents 1 -faults 3
  simrun model -mode direct -property durable -o trace.json
  simrun model -mode clustermesh -property owner -plan owner.json
  simrun model -all -real -repairs -o testdata/model
  simrun model -all -html matrix.html -outcomes testdata/model/outcomes.json

Exit status: 0 if every property holds, or with -all if every cell is decided and
with -real if no run refutes the model; 1 if a property is broken or undecided, or a
counterexample refuted, or not repaired; 2 for bad flags; 3 if a worker failed; 130 if interrupted,
when what is known by then is printed.
`
