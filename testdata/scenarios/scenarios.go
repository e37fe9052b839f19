// Package scenarios holds the scenarios that the proposal lists (CFP-44774, under
// load), each as a plan with what the proposal promises: agents converge to the
// correct state, without disruption of the datapath. Those of kube-apiservers are what
// restarts and upgrades of replicas are where agents read the kube-apiservers. Those of a
// shared etcd are its restart, its loss for as long as the workload lasts, and agents that
// start before it; of one with three members, that its leader is cut off, that two of them are
// away for a minute, and that one is replaced. There no address goes from one pod to another. Those whose names begin with
// a discovery are of agents that choose a replica themselves: what they do without a
// kube-apiserver to tell them, and how they follow a replica from node to node.
package scenarios

import "embed"

// Files are the plans, named after their scenario.
//
//go:embed *.json
var Files embed.FS
