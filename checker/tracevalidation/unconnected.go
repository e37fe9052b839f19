package tracevalidation

import (
	"fmt"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/schema"
)

// unconnected reports the agents that live to see the end of the run without a
// connection, although there is a replica to connect with. They concern no key.
func (c *checker) unconnected() (all []Unexplained) {
	if c.End < 0 {
		return nil
	}
	reachable := ""
	for _, p := range c.Replicas {
		if c.reachable(p) {
			reachable = p.Name
		}
	}
	if reachable == "" {
		return nil
	}
	for _, a := range c.Agents {
		n := len(a.Connections)
		if a.Down < c.End || n > 0 && a.Connections[n-1].To > c.End {
			continue
		}
		u := Unexplained{Record: int(c.End), At: c.Records[c.End].At, Host: a.Name}
		u.Sentence = fmt.Sprintf("at %.3fs the run ends, and agent %s is connected with no replica, which no action of the model explains", u.At.Seconds(), a.Name)
		u.add(connection, "it must happen sooner or later, and has not; %s has all canaries", reachable)
		all = append(all, u)
	}
	return all
}

// reachable reports whether the replica's etcd is up at the end and has, or has had,
// the canary of every kind.
func (c *checker) reachable(p *index.Replica) bool {
	up, store := false, ""
	for _, i := range p.Life {
		if r := &c.Records[i]; r.Kind == "etcd" {
			up, store = r.Verb == history.Up, r.Store
		}
	}
	for _, kind := range schema.Stored() {
		if _, ok := c.Store(store).Canaries[kind.Name]; !ok {
			return false
		}
	}
	return up
}
