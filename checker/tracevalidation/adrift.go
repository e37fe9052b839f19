package tracevalidation

import (
	"fmt"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// adrift reports the agents that live to see the end of the run without a
// connection, although there is a replica to connect with. They concern no key.
func (x *projections) adrift() (all []Unexplained) {
	if x.end < 0 {
		return nil
	}
	reachable := ""
	for _, p := range x.replicas {
		if x.reachable(p) {
			reachable = p.name
		}
	}
	if reachable == "" {
		return nil
	}
	for _, a := range x.agents {
		n := len(a.sessions)
		if a.down < x.end || n > 0 && a.sessions[n-1].to > x.end {
			continue
		}
		u := Unexplained{Record: int(x.end), At: x.records[x.end].At, Host: a.name}
		u.Sentence = fmt.Sprintf("at %.3fs the run ends, and agent %s is connected with no replica, which no action of the model explains", u.At.Seconds(), a.name)
		u.add(connection, "it must happen sooner or later, and has not; %s has all canaries", reachable)
		all = append(all, u)
	}
	return all
}

// reachable reports whether the replica's etcd is up at the end and has, or has had,
// the canary of every kind.
func (x *projections) reachable(p *replica) bool {
	up, store := false, ""
	for _, i := range p.life {
		if r := &x.records[i]; r.Kind == "etcd" {
			up, store = r.Verb == history.Up, r.Store
		}
	}
	for _, kind := range schema.Kinds() {
		if _, ok := x.canaries[canary{store, kind.Name}]; !ok {
			return false
		}
	}
	return up
}
