package checker

import "strings"

// etcdEvent is one event of an answer of an etcd's watch.
type etcdEvent struct {
	put      bool
	key      string
	mod      int64
	created  int64 // of a put: revision in which the key was created
	number   int64 // of a put: how many there were since, this one included
	hash     string
	prev     int64 // revision of the previous value
	withPrev bool
}

// parseEtcdEvent reads "put:key:modrev:createrev:version:hash" or "del:key:modrev",
// each perhaps with ":prev=modrev". Keys may hold colons. What is not of this form has
// the revision -1, which no change explains.
func parseEtcdEvent(field string) (ev etcdEvent) {
	op, rest, _ := strings.Cut(field, ":")
	if before, last, _ := cutLast(rest); strings.HasPrefix(last, "prev=") {
		ev.withPrev, ev.prev = true, number(strings.TrimPrefix(last, "prev="))
		rest = before
	}
	var s string
	if op == "put" {
		ev.put = true
		rest, ev.hash, _ = cutLast(rest)
		rest, s, _ = cutLast(rest)
		ev.number = number(s)
		rest, s, _ = cutLast(rest)
		ev.created = number(s)
	}
	ev.key, s, _ = cutLast(rest)
	ev.mod = number(s)
	if op != "put" && op != "del" {
		ev.key, ev.mod = field, -1
	}
	return ev
}

// String shows an event without what it says of the value.
func (ev etcdEvent) String() string {
	if ev.put {
		return "the put of " + ev.key
	}
	return "the deletion of " + ev.key
}

// kubeEvent is one event of a watch of a kube-apiserver. what is ADDED, MODIFIED,
// DELETED, BOOKMARK, INITIAL or ERROR; rv of an ERROR is its code.
type kubeEvent struct {
	what string
	key  string
	rv   int64
}

// parseKubeEvent reads "TYPE:namespace/name:rv", "TYPE:name:rv" or "TYPE:rv".
func parseKubeEvent(field string) (ev kubeEvent) {
	what, rest, _ := strings.Cut(field, ":")
	before, last, found := cutLast(rest)
	if !found {
		before, last = "", rest
	}
	return kubeEvent{what, before, number(last)}
}
