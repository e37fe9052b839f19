// Package objects reads the Kubernetes objects from which a world can start, as
//
//	kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml
//
// prints them: YAML or JSON, one or several documents, lists in lists.
//
// Every object is used or refused; none is skipped. A refusal names file,
// document, item, object, field and reason. What the loader changes is in the
// Summary that it returns.
package objects

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/files"
)

// mostBytes is the most that a file of objects may have.
const mostBytes = 1 << 30

// Load reads the objects of all files, which together must be from one cluster.
// The objects are in the files' order, each on one line of JSON with its
// apiVersion and kind and without what a server fills in (resourceVersion, uid,
// creationTimestamp, generation, managedFields, ownerReferences, finalizers,
// deletion times).
// Namespaces that are missing come first.
func Load(paths ...string) ([]json.RawMessage, *Summary, error) {
	l := newLoader()
	for _, file := range paths {
		data, err := files.Read(file, mostBytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: cannot read the objects: %w", file, err)
		}
		if err := l.file(file, data); err != nil {
			return nil, nil, err
		}
	}
	if len(l.objects) == 0 {
		return nil, nil, fmt.Errorf("%s: there are no objects in it; kubectl get ciliumidentities,ciliumendpoints,ciliumnodes,namespaces,pods -A -o yaml prints them", strings.Join(paths, ", "))
	}
	return l.finish()
}

// A place is where an object stands, for errors.
type place struct {
	file     string
	document int // from 1
	item     int // from 1 within a list; 0: the document itself
}

func (p place) String() string {
	if p.item == 0 {
		return fmt.Sprintf("%s: document %d", p.file, p.document)
	}
	return fmt.Sprintf("%s: document %d, item %d", p.file, p.document, p.item)
}

type loader struct {
	objects    []object
	seen       map[string]place // kind, namespace and name of an object -> where it is
	identities map[int64]bool   // given, as in the files
	used       map[int64]bool   // by endpoints, as in the files
	namespaces map[string]bool  // given
	cluster    int64            // of all identities so far; -1: not known yet
	clusterOf  place            // that told the cluster
	name       string           // of the cluster, as in the identities' labels
	summary    Summary
}

func newLoader() *loader {
	return &loader{
		seen:       map[string]place{},
		identities: map[int64]bool{},
		used:       map[int64]bool{},
		namespaces: map[string]bool{},
		cluster:    -1,
		summary:    Summary{Counts: map[string]int{}},
	}
}

func (l *loader) file(file string, data []byte) error {
	documents, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i, document := range documents {
		item := 0
		if err := l.add(place{file: file, document: i + 1}, document, &item); err != nil {
			return err
		}
	}
	return nil
}

// add takes in an object, or the items of a list; item counts the items of the
// document so far.
func (l *loader) add(at place, value any, item *int) error {
	o, ok := value.(object)
	if !ok {
		return fmt.Errorf("%s: found %s where an object with apiVersion and kind belongs", at, describe(value))
	}
	kind, _ := o["kind"].(string)
	if !strings.HasSuffix(kind, "List") {
		if err := l.object(o, kind, at); err != nil {
			return fmt.Errorf("%s%s: %w", at, title(o, kind), err)
		}
		return nil
	}
	items, ok := o["items"].([]any)
	if !ok {
		return fmt.Errorf("%s: items: found %s in the %s; want a list", at, describe(o["items"]), kind)
	}
	for _, value := range items {
		if nested, _ := value.(object); nested == nil || !strings.HasSuffix(nested.text("kind"), "List") {
			*item++
		}
		if err := l.add(place{at.file, at.document, *item}, value, item); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the output of what was read.
func (l *loader) finish() ([]json.RawMessage, *Summary, error) {
	if l.cluster == 0 {
		l.summary.Moved = true
		l.cluster = 1
		for _, o := range l.objects {
			moveIdentities(o)
		}
	}
	if l.name == refusedName {
		l.summary.Renamed = true
		for _, o := range l.objects {
			renameCluster(o)
		}
	}
	l.summary.ClusterID = int(max(l.cluster, 0))
	for id := range l.used {
		if !l.identities[id] {
			l.summary.UnknownIdentities++
		}
	}
	slices.Sort(l.summary.CreatedNamespaces)
	var all []json.RawMessage
	for _, name := range l.summary.CreatedNamespaces {
		all = append(all, encode(object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}}))
	}
	for _, o := range l.objects {
		all = append(all, encode(o))
	}
	return all, &l.summary, nil
}

// needNamespace notes that an object lives in a namespace. It is created if no
// file gives it, which is known only at the end.
func (l *loader) needNamespace(name string) {
	if !l.namespaces[name] && !slices.Contains(l.summary.CreatedNamespaces, name) {
		l.summary.CreatedNamespaces = append(l.summary.CreatedNamespaces, name)
	}
}

func (l *loader) haveNamespace(name string) {
	l.namespaces[name] = true
	l.summary.CreatedNamespaces = slices.DeleteFunc(l.summary.CreatedNamespaces, func(s string) bool { return s == name })
}

// title names an object in an error as far as it has a name.
func title(o object, kind string) string {
	metadata, _ := o["metadata"].(object)
	name := strings.Trim(metadata.text("namespace")+"/"+metadata.text("name"), "/")
	if kind == "" || name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", kind, name)
}
