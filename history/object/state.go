package object

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/schema"
)

// State is the Kubernetes objects of a cluster as they are after a record, as far as
// they decide what others have to make of its pods. Each is followed by Apply, write by write.
type State struct {
	Cluster    string // its name
	Pods       map[string]*LivePod
	Namespaces map[string]Namespace
	Nodes      map[string]bool             // CiliumNodes that exist
	Identities map[string]*LiveIdentity    // by number
	Endpoints  map[string]Endpoint         // by pod
	Slices     map[string]Slice            // by name
	Published  map[string][]SlicedEndpoint // in slices, by pod, in order of the slices' names
	asking     map[string]map[string]bool  // pods, by the labels of the identity that they demand
	numbers    map[string]map[string]bool  // of identities, by their labels
	on         map[string]map[string]bool  // pods, by their node
	in         map[string]map[string]bool  // pods, by their namespace
	users      map[string]map[string]bool  // pods with a CiliumEndpoint, by the identity in it
}

// LivePod is a Pod and what it demands.
type LivePod struct {
	Pod
	Namespace string
	Demands   string // the labels of its identity, as one text
	Created   int32  // the record
}

// LiveIdentity is a CiliumIdentity.
type LiveIdentity struct {
	Labels string // as in LivePod.Demands
	Marked bool
}

// SlicedEndpoint is an endpoint in a slice.
type SlicedEndpoint struct {
	Slice string
	Endpoint
}

// NewState is a cluster before the first record of a history with a plan.
func NewState(plan string) *State {
	var p struct {
		Options struct{ ClusterName string }
	}
	if json.Unmarshal([]byte(plan), &p) != nil {
		p.Options.ClusterName = ""
	}
	return &State{
		Cluster: cmp.Or(p.Options.ClusterName, "c1"), Pods: map[string]*LivePod{}, Namespaces: map[string]Namespace{}, Nodes: map[string]bool{},
		Identities: map[string]*LiveIdentity{}, Endpoints: map[string]Endpoint{}, Slices: map[string]Slice{}, Published: map[string][]SlicedEndpoint{},
		asking: map[string]map[string]bool{}, numbers: map[string]map[string]bool{}, on: map[string]map[string]bool{}, in: map[string]map[string]bool{}, users: map[string]map[string]bool{},
	}
}

// Told reports whether a history says what objects hold: those of earlier versions do not.
func Told(records []history.Record) bool {
	return slices.ContainsFunc(records, func(r history.Record) bool { return r.Verb == history.Write && r.Kind == PodKind && r.Value != "" })
}

// Touched are what a write may have changed for others.
type Touched struct {
	Pods       []string // that are to be looked at anew, sorted
	Identities []string // numbers, likewise
	Slice      string   // "" if none
}

// Apply takes the record with a number into account, and returns what it touches. What it cannot
// read is an error of who wrote the history.
func (o *State) Apply(i int, r *history.Record) (t Touched, err error) {
	if r.Verb != history.Write {
		return t, nil
	}
	gone := r.Op == "delete"
	switch r.Kind {
	case PodKind:
		t, err = o.pod(int32(i), r, gone)
	case NamespaceKind:
		delete(o.Namespaces, r.Key)
		if !gone {
			if o.Namespaces[r.Key], err = ParseNamespace(r.Value); err != nil {
				break
			}
		}
		t.Pods = sorted(o.in[r.Key])
		for _, key := range t.Pods {
			t.Identities = append(t.Identities, o.demand(key)...)
		}
	case NodeKind:
		if o.Nodes[r.Key] != gone {
			return t, nil // it is there as before
		}
		o.Nodes[r.Key] = !gone
		t.Pods = sorted(o.on[r.Key])
	case IdentityKind:
		t, err = o.identity(r, gone)
	case EndpointKind:
		t, err = o.endpoint(r, gone)
	case SliceKind:
		t, err = o.slice(r, gone)
	}
	if err != nil {
		return t, fmt.Errorf("record %d: %w", i, err)
	}
	return t, nil
}

func (o *State) pod(i int32, r *history.Record, gone bool) (t Touched, err error) {
	t.Pods = []string{r.Key}
	created := i
	if was := o.Pods[r.Key]; was != nil {
		created = was.Created
		remove(o.on, was.Node, r.Key)
		remove(o.in, was.Namespace, r.Key)
		remove(o.asking, was.Demands, r.Key)
		t.Identities = sorted(o.numbers[was.Demands])
		delete(o.Pods, r.Key)
	}
	if gone {
		return t, nil
	}
	p := &LivePod{Created: created}
	if p.Pod, err = ParsePod(r.Value); err != nil {
		return t, err
	}
	p.Namespace, _, _ = strings.Cut(r.Key, "/")
	o.Pods[r.Key] = p
	add(o.on, p.Node, r.Key)
	add(o.in, p.Namespace, r.Key)
	t.Identities = append(t.Identities, o.demand(r.Key)...)
	return t, nil
}

// demand fills in which labels a pod demands now, and returns the identities that it may concern.
func (o *State) demand(key string) []string {
	p := o.Pods[key]
	labels := schema.SecurityLabels(o.Cluster, p.Namespace, p.ServiceAccount, p.Labels, o.Namespaces[p.Namespace].Labels)
	was, is := p.Demands, Identity{Labels: labels}.String()
	remove(o.asking, was, key)
	add(o.asking, is, key)
	p.Demands = is
	return append(sorted(o.numbers[was]), sorted(o.numbers[is])...)
}

func (o *State) identity(r *history.Record, gone bool) (t Touched, err error) {
	t.Identities = []string{r.Key}
	if was := o.Identities[r.Key]; was != nil {
		remove(o.numbers, was.Labels, r.Key)
		t.Pods = sorted(o.asking[was.Labels])
		t.Identities = append(t.Identities, sorted(o.numbers[was.Labels])...)
		delete(o.Identities, r.Key)
	}
	if gone {
		return t, nil
	}
	is, err := ParseIdentity(r.Value)
	if err != nil {
		return t, err
	}
	labels := Identity{Labels: demanded(is.Labels)}.String()
	o.Identities[r.Key] = &LiveIdentity{Labels: labels, Marked: is.Marked}
	t.Identities = append(t.Identities, sorted(o.numbers[labels])...)
	add(o.numbers, labels, r.Key)
	t.Pods = append(t.Pods, sorted(o.asking[labels])...)
	return t, nil
}

// demanded are the labels of an identity that a pod and its namespace have: those are left out
// that Cilium generates for the pod's named ports, which records of pods do not tell.
func demanded(labels Labels) Labels {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(labels)), generated) {
		return labels
	}
	kept := maps.Clone(labels)
	maps.DeleteFunc(kept, func(name, _ string) bool { return generated(name) })
	return kept
}

func generated(name string) bool { return strings.HasPrefix(name, "gen:") }

func (o *State) endpoint(r *history.Record, gone bool) (t Touched, err error) {
	t.Pods = []string{r.Key}
	if was, ok := o.Endpoints[r.Key]; ok {
		remove(o.users, was.Identity, r.Key)
		t.Identities = append(t.Identities, was.Identity)
		delete(o.Endpoints, r.Key)
	}
	if gone {
		return t, nil
	}
	is, err := ParseEndpoint(r.Value)
	if err != nil {
		return t, err
	}
	o.Endpoints[r.Key] = is
	add(o.users, is.Identity, r.Key)
	t.Identities = append(t.Identities, is.Identity)
	return t, nil
}

func (o *State) slice(r *history.Record, gone bool) (t Touched, err error) {
	t.Slice = r.Key
	touched := map[string]bool{}
	was, had := o.Slices[r.Key]
	for _, e := range was.Endpoints {
		key := was.Namespace + "/" + e.Name
		touched[key] = true
		o.Published[key] = slices.DeleteFunc(o.Published[key], func(p SlicedEndpoint) bool { return p.Slice == r.Key })
		if len(o.Published[key]) == 0 {
			delete(o.Published, key)
		}
	}
	if had {
		delete(o.Slices, r.Key)
	}
	if !gone {
		is, err := ParseSlice(r.Value)
		if err != nil {
			return t, err
		}
		o.Slices[r.Key] = is
		for _, e := range is.Endpoints {
			key := is.Namespace + "/" + e.Name
			touched[key] = true
			o.Published[key] = append(o.Published[key], SlicedEndpoint{r.Key, e})
			slices.SortStableFunc(o.Published[key], func(a, b SlicedEndpoint) int { return cmp.Compare(a.Slice, b.Slice) })
		}
	}
	t.Pods = sorted(touched)
	return t, nil
}

// Asking returns the pods that demand an identity with the labels of the one with a number, and
// those whose CiliumEndpoint has it.
func (o *State) Asking(number string) (pods []string) {
	if id := o.Identities[number]; id != nil {
		pods = sorted(o.asking[id.Labels])
	}
	for _, key := range sorted(o.users[number]) {
		if !slices.Contains(pods, key) {
			pods = append(pods, key)
		}
	}
	return pods
}

// Numbers returns the identities with the labels that a pod demands.
func (o *State) Numbers(demands string) []string { return sorted(o.numbers[demands]) }

// PodsIn returns the pods of a namespace.
func (o *State) PodsIn(namespace string) []string { return sorted(o.in[namespace]) }

// add and remove keep sets by name.
func add(sets map[string]map[string]bool, name, key string) {
	if sets[name] == nil {
		sets[name] = map[string]bool{}
	}
	sets[name][key] = true
}

func remove(sets map[string]map[string]bool, name, key string) {
	if delete(sets[name], key); len(sets[name]) == 0 {
		delete(sets, name)
	}
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// Hides reports whether a Write of a Namespace leaves what is in it to nobody but the own
// cluster's readers of the kube-apiserver: it is hidden, or gone.
func Hides(r *history.Record) bool {
	n, err := ParseNamespace(r.Value)
	return r.Op == "delete" || err == nil && n.Hidden
}
