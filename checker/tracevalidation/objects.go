package tracevalidation

import (
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/object"
	"github.com/meshcheck/meshcheck/model/schema"
)

// What agents that watch objects themselves make of them beyond what is true of a key.

// inAnotherSlice is the deviation of an agent that goes by the names of pods
// (Cilium: cesSubscriber of pkg/k8s/watchers/cilium_endpoint_slice_subscriber.go).
var inAnotherSlice = deviation{
	name:  "in-another-slice",
	what:  "an agent that watches slices drops an address of a pod that another slice has with another address",
	needs: "another slice that had the pod, and not with this address",
}

// moved reports whether, before a record, a slice had the pod of the content and another one than gave
// the pod this address.
func (k *keyRun) moved(content uint8, i int32) bool {
	owner, pod := "", parse(k.names.text(content)).pod
	for _, t := range k.key.Truths {
		if r := &k.Records[t]; t < i && r.Op == "put" && parse(r.Value).pod == pod {
			owner = r.Owner
		}
	}
	if pod == "" || !isSlice(owner) {
		return false
	}
	for _, other := range k.Keys {
		if other == k.key || other.Kind != history.Endpoint {
			continue
		}
		last := "" // the slice that has it with the pod
		for _, t := range other.Truths {
			if t >= i {
				break
			}
			switch r := &k.Records[t]; {
			case r.Op == "put" && parse(r.Value).pod == pod:
				last = r.Owner
			case r.Owner == last:
				last = ""
			}
		}
		if isSlice(last) && last != owner {
			return true
		}
	}
	return false
}

func isSlice(owner string) bool { return strings.HasPrefix(owner, "CiliumEndpointSlice/") }

// stays reports whether CRDs have at the end what an agent that reads them shows, although it is true for
// nobody else: its namespace is hidden.
func (k *keyRun) stays(content uint8) bool {
	if content == 0 {
		return false
	}
	o, shown := k.objects(), parse(k.names.text(content))
	if !o.Namespaces[shown.namespace].Hidden {
		return false
	}
	if k.key.Kind == history.Identity {
		return o.Identities[k.key.Name] != nil
	}
	if len(o.Slices) == 0 {
		e := o.Endpoints[shown.pod]
		return e.Identity == shown.identity && slices.Contains(e.IPs, k.key.Name)
	}
	for _, e := range o.Published[shown.pod] {
		if e.Identity == shown.identity && slices.Contains(e.IPs, k.key.Name) {
			return true
		}
	}
	return false
}

// shown is what a content says, as far as deviations ask.
type shown struct {
	namespace string
	pod       string // of an endpoint, with its namespace
	identity  string // of an endpoint
}

func parse(content string) shown {
	s := shown{namespace: schema.NamespaceIn(content)}
	for word := range strings.FieldsSeq(content) {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "pod":
			s.pod = value
		case "id":
			s.identity = value
		}
	}
	return s
}

// objects are those of the cluster at the end of the run, which are made when they are first asked for.
func (c *checker) objects() *object.State {
	if c.state == nil {
		c.state = object.NewState("") // a plan would tell the cluster's name, of which nothing is asked
		for i := range c.Records {
			c.state.Apply(i, &c.Records[i]) // what cannot be read says nothing
		}
	}
	return c.state
}
