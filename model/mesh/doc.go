// Package mesh is an abstract control plane, small enough for every interleaving
// to be tried: a kube-apiserver, replicas of the ClusterMesh API server with an
// ephemeral etcd each, agents with a view, pods whose addresses are used again,
// and faults. Package explore decides what can go wrong in it.
//
// New makes the model of a Config: a Mode (how agents read, with or without
// repairs) and bounds. Properties are those of the checker, by the same names,
// and more that a model can decide and a history cannot. Run explores one mode,
// and a Row is what it finds: a line of the table of modes and properties. Story
// tells a counterexample to somebody who has not read the model.
//
// # What is in the model
//
// The kube-apiserver is the list of writes that it has acknowledged (workload.go);
// its resourceVersion is their number. A pod is created with an address and
// deleted; an address is used again once the pod that had it is gone. What was
// true at a resourceVersion follows from the list (truth.go), and an entry of a
// view, "this address belongs to that pod's identity", is named by the write that
// created it.
//
// A replica (replica.go) lists, then receives the writes one by one and in order,
// as late as it likes, and holds entries in its etcd. Its pod may be lost, with
// the etcd, and so may the writer alone, without it. An agent (agent.go) takes
// over what its source has, at any time; it loses its source with the replica, or
// restarts. Its view stands for the datapath of its host, which outlives it.
// Watches of CRDs (watcher.go), direct writes, central computation, an etcd that
// is emptied in place and the heartbeat have files of their own.
// What one replica and one agent do is in step.go, apart from the rest of the state:
// package checker/tracevalidation holds runs of Cilium's code against the same functions.
//
// # What is left out
//
// Time: a delay is as long as the model likes, and leases (15 minutes) do not
// expire. Overload and quotas. Lists from a lagging watch cache: clients of this
// Kubernetes version ask for consistent lists. Namespaces, nodes and identities as
// objects of their own, except in central computation. One address claimed by two
// pods at once. docs/model.md says more.
package mesh
