// Package tracevalidation looks for a behaviour of the abstract mesh (package model/mesh)
// in the history of a run of Cilium's code. Check explains each
// change in an etcd and in a view by actions of the model that were enabled in some
// state consistent with everything before; the first record of each projection that
// no action explains is reported, with the actions that might have and why each of
// them does not.
//
// The actions are the model's own (model/mesh/step.go): the explorer and this
// package call the same functions.
//
// # Projections
//
// A history has hundreds of keys and several replicas and agents, the model a few. It
// is projected to one key at a time, and so to a mesh with one address: Truth records
// are its writes (keylog.go). A replica is followed by itself, as nothing but the
// kube-apiserver acts on it (replica.go), and so is each incarnation of an agent, as
// nothing but the etcds act on it (agent.go). A view begins empty with its agent, so an
// agent that restarts is another agent; the datapath, which outlives it, is not
// followed. Agents that share an etcd write it, so there its Put and Del records are the writes,
// and no replica is followed.
//
//	Truth                     a write of the kube-apiserver
//	Up of an etcd, new store  Crash or Empty: the pod or its etcd's content is lost
//	Up of a writer            RestartWriter
//	Put, Del                  Start or WriterLists, and then any number of Deliver
//	first canaries            Start or WriterLists has happened
//	Connect, Disconnect       when Connect may happen
//	See, Drop                 See or Connect; List or Watch of an agent that watches (watcher.go)
//	Reading                   when List may happen in a handover, and when it ends (handover.go)
//	Phase end                 no action that must happen sooner or later is left
//
// # What the set of states is for
//
// A record does not say all. Which write a watch has delivered last is not known
// where contents repeat, nor when a writer listed: at any time since it started. A
// writer whose queue is slow puts the last of several contents, and the model then
// delivers several writes before anybody looks. An agent sees late what its watch sent:
// its step happened when the etcd had that. So after each record there is a set of
// states in which the model may be (state.go), and a record is unexplained if no
// action leads from any of them to what it says.
//
// # Deviations
//
// What Cilium is known to do and the model does not have is a named deviation
// (deviation.go). It is tried only where the model's own actions explain nothing and
// only if its cause is in the history, and each use is counted.
package tracevalidation
