// Package object has what histories say of the content of Kubernetes objects: the Value of
// a history.Write. It is what others go by: of a Pod where it runs, its addresses and the labels that
// make its identity. Each form is words of name=value, separated by spaces, and read here as strictly
// as it is written.
package object

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The kinds of objects whose content a history tells.
const (
	PodKind       = "Pod"
	NamespaceKind = "Namespace"
	IdentityKind  = "CiliumIdentity"
	EndpointKind  = "CiliumEndpoint"
	SliceKind     = "CiliumEndpointSlice"
	NodeKind      = "CiliumNode"
	LeaseKind     = "Lease"
)

// Labels are those of an object, or of an identity with their sources.
type Labels map[string]string

// Pod is what a Pod says.
type Pod struct {
	UID            string
	Node           string // that it is bound to; "" if to none
	HostIP         string
	Phase          string
	IPs            []string
	ServiceAccount string
	HostNetwork    bool
	Ending         bool // it has a deletionTimestamp
	Labels         Labels
}

func (p Pod) String() string {
	return new(words).text("uid", p.UID).text("node", p.Node).text("host", p.HostIP).text("phase", p.Phase).list("ips", p.IPs).
		text("account", p.ServiceAccount).flag("hostnetwork", p.HostNetwork).flag("ending", p.Ending).labels("labels", p.Labels).String()
}

// ParsePod reads what Pod.String writes.
func ParsePod(form string) (p Pod, err error) {
	err = read(form, map[string]func(string) error{
		"uid": text(&p.UID), "node": text(&p.Node), "host": text(&p.HostIP), "phase": text(&p.Phase), "ips": list(&p.IPs),
		"account": text(&p.ServiceAccount), "hostnetwork": flag(&p.HostNetwork), "ending": flag(&p.Ending), "labels": labels(&p.Labels)})
	return p, err
}

// Namespace is what a Namespace says.
type Namespace struct {
	Labels Labels
	Hidden bool // from agents of other clusters, and of those that read as they do
}

func (n Namespace) String() string {
	return new(words).flag("hidden", n.Hidden).labels("labels", n.Labels).String()
}

// ParseNamespace reads what Namespace.String writes.
func ParseNamespace(form string) (n Namespace, err error) {
	err = read(form, map[string]func(string) error{"hidden": flag(&n.Hidden), "labels": labels(&n.Labels)})
	return n, err
}

// Identity is what a CiliumIdentity says.
type Identity struct {
	Labels Labels // with their source, such as k8s:app
	Marked bool   // for deletion: it has a heartbeat annotation
}

func (i Identity) String() string {
	return new(words).flag("marked", i.Marked).labels("labels", i.Labels).String()
}

// ParseIdentity reads what Identity.String writes.
func ParseIdentity(form string) (i Identity, err error) {
	err = read(form, map[string]func(string) error{"marked": flag(&i.Marked), "labels": labels(&i.Labels)})
	return i, err
}

// Endpoint is what a CiliumEndpoint says, or a CiliumEndpointSlice of one endpoint.
type Endpoint struct {
	Name     string // of the pod; "" in a CiliumEndpoint
	Identity string // its number; "0" if it has none
	IPs      []string
}

func (e Endpoint) String() string {
	return new(words).text("identity", e.Identity).list("ips", e.IPs).String()
}

// ParseEndpoint reads what Endpoint.String writes.
func ParseEndpoint(form string) (e Endpoint, err error) {
	err = read(form, map[string]func(string) error{"identity": text(&e.Identity), "ips": list(&e.IPs)})
	return e, err
}

// Slice is what a CiliumEndpointSlice says.
type Slice struct {
	Namespace string
	Endpoints []Endpoint
}

func (s Slice) String() string {
	w := new(words).text("namespace", s.Namespace)
	for _, e := range s.Endpoints {
		w.list("endpoint", append([]string{e.Name, e.Identity}, e.IPs...))
	}
	return w.String()
}

// ParseSlice reads what Slice.String writes.
func ParseSlice(form string) (s Slice, err error) {
	err = read(form, map[string]func(string) error{"namespace": text(&s.Namespace), "endpoint": func(value string) error {
		var parts []string
		if err := list(&parts)(value); err != nil {
			return err
		}
		if len(parts) < 2 {
			return fmt.Errorf("%q; want a name, an identity and addresses, joined by commas", value)
		}
		s.Endpoints = append(s.Endpoints, Endpoint{Name: parts[0], Identity: parts[1], IPs: parts[2:]})
		return nil
	}})
	return s, err
}

// Lease is what a Lease says.
type Lease struct {
	Holder  string // "" if nobody holds it
	Seconds int    // that it lasts without being renewed
}

func (l Lease) String() string {
	return new(words).text("holder", l.Holder).text("seconds", strconv.Itoa(l.Seconds)).String()
}

// ParseLease reads what Lease.String writes.
func ParseLease(form string) (l Lease, err error) {
	err = read(form, map[string]func(string) error{"holder": text(&l.Holder), "seconds": func(value string) (err error) {
		l.Seconds, err = strconv.Atoi(value)
		return err
	}})
	return l, err
}

// words is a form that is being written.
type words []string

func (w *words) String() string { return strings.Join(*w, " ") }

func (w *words) text(name, value string) *words {
	if value != "" {
		*w = append(*w, name+"="+escape(value))
	}
	return w
}

func (w *words) flag(name string, value bool) *words {
	if value {
		*w = append(*w, name+"=true")
	}
	return w
}

func (w *words) list(name string, values []string) *words {
	if len(values) == 0 {
		return w
	}
	escaped := make([]string, len(values))
	for i, v := range values {
		escaped[i] = escape(v)
	}
	*w = append(*w, name+"="+strings.Join(escaped, ","))
	return w
}

func (w *words) labels(name string, l Labels) *words {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(l)) {
		all = append(all, key+"="+l[key])
	}
	return w.list(name, all)
}

// special are the characters that mean something in a form.
const special = " ,%"

func escape(s string) string {
	if !strings.ContainsAny(s, special) {
		return s
	}
	return strings.NewReplacer("%", "%25", " ", "%20", ",", "%2C").Replace(s)
}

func unescape(s string) string {
	return strings.NewReplacer("%2C", ",", "%20", " ", "%25", "%").Replace(s)
}

// read gives each word of a form to who reads its name.
func read(form string, readers map[string]func(value string) error) error {
	for word := range strings.FieldsSeq(form) {
		name, value, ok := strings.Cut(word, "=")
		reader := readers[name]
		if !ok || reader == nil {
			return fmt.Errorf("%q in %q is not known; want %s, each as name=value", word, form, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
		}
		if err := reader(value); err != nil {
			return fmt.Errorf("%s in %q: %w", name, form, err)
		}
	}
	return nil
}

func text(to *string) func(string) error {
	return func(value string) error { *to = unescape(value); return nil }
}

func flag(to *bool) func(string) error {
	return func(value string) (err error) { *to, err = strconv.ParseBool(value); return err }
}

func list(to *[]string) func(string) error {
	return func(value string) error {
		for v := range strings.SplitSeq(value, ",") {
			*to = append(*to, unescape(v))
		}
		return nil
	}
}

func labels(to *Labels) func(string) error {
	return func(value string) error {
		*to = Labels{}
		for pair := range strings.SplitSeq(value, ",") {
			key, v, ok := strings.Cut(unescape(pair), "=")
			if !ok {
				return fmt.Errorf("%q; want labels as key=value, joined by commas", pair)
			}
			(*to)[key] = v
		}
		return nil
	}
}
