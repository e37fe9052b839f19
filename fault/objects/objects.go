// Package objects reads the Kubernetes objects from which a world can start, as
//
//	kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml
//
// prints them: YAML or JSON, one or several documents, lists in lists.
//
// Every object is used, refused, or left out and counted. A refusal names file,
// document, item, object, field and reason, and all refusals come at once. What the
// loader changes and leaves out is in the Summary that it returns.
//
// What an agent could not read is refused here as far as that needs no types of Cilium
// and Kubernetes, which this package may not link; the worker, which has them, refuses
// the rest before its run begins (sim/workload, CheckObjects).
package objects

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/text"
)

// mostBytes is the most that a file of objects may have.
const mostBytes = 1 << 30

// Config says how to load. The zero value refuses objects of other kinds.
type Config struct {
	LeaveOut bool // objects of other kinds, with a count

	// ClusterID is the cluster that the identities must be of. Zero: as their numbers say
	// if they are of up to 255 clusters. The numbers of cluster 300 of up to 511 could as
	// well be those of cluster 150 of up to 255.
	ClusterID int
}

// Load reads the objects of all files, which together must be from one cluster; "-" is
// standard input.
// The objects are in the files' order, each on one line of JSON with its
// apiVersion and kind and without what a server fills in (resourceVersion, uid,
// creationTimestamp, generation, managedFields, ownerReferences, finalizers,
// deletion times).
// Namespaces that are missing come first. The error is a line for each refusal.
func Load(cfg Config, paths ...string) ([]json.RawMessage, *Summary, error) {
	l := newLoader(cfg)
	for _, file := range paths {
		var data []byte
		var err error
		if file == "-" {
			file = "standard input"
			data, err = files.ReadFrom(os.Stdin, mostBytes)
		} else {
			data, err = files.Read(file, mostBytes)
		}
		if err != nil {
			l.refuse(fmt.Errorf("%s: cannot read the objects: %w", file, err))
			continue
		}
		l.file(file, data)
	}
	l.refuseDoubled()
	if len(l.refused) == 0 && len(l.objects) == 0 {
		l.refuse(fmt.Errorf("%s: there are no objects in it; kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml prints them", strings.Join(paths, ", ")))
	}
	if len(l.refused) > 0 {
		return nil, nil, l.refusals()
	}
	all := l.finish()
	if l.summary.seen() == 0 {
		return nil, nil, fmt.Errorf("%s: nothing that an agent sees is left to start from: %s", strings.Join(paths, ", "), strings.Join(append(l.summary.Lines(), l.summary.Missing()...), "; "))
	}
	return all, &l.summary, nil
}

// mostRefusals is how many refusals are said one by one.
const mostRefusals = 50

// refusals are all in one error, a line for each.
func (l *loader) refusals() error {
	said := l.refused[:min(len(l.refused), mostRefusals)]
	if more := len(l.refused) - len(said); more > 0 {
		said = append(slices.Clone(said), fmt.Errorf("and %d more", more))
	}
	return errors.Join(said...)
}

// refuseDoubled refuses what is given twice, in one line: of a dump that is there twice
// each object is.
func (l *loader) refuseDoubled() {
	if len(l.doubled) == 0 {
		return
	}
	first := l.doubled[0]
	if len(l.doubled) == 1 {
		l.refuse(fmt.Errorf("%s: metadata.name: the same object is given before, in %s", first.second, first.first))
		return
	}
	var some []string
	for _, d := range l.doubled[:min(3, len(l.doubled))] {
		some = append(some, fmt.Sprintf("%s, before in %s", d.second, d.first))
	}
	l.refuse(fmt.Errorf("%d objects are given a second time: %s", len(l.doubled), strings.Join(some, "; ")+text.AndMore(len(l.doubled)-len(some))))
}

func (l *loader) refuse(err error) { l.refused = append(l.refused, err) }

// A place is where an object stands, for errors.
type place struct {
	file     string
	document int // from 1
	item     int // from 1 within a list; 0: the document itself
	line     int // where it begins
}

func (p place) String() string {
	if p.item == 0 {
		return fmt.Sprintf("%s: document %d, line %d", p.file, p.document, p.line)
	}
	return fmt.Sprintf("%s: document %d, item %d, line %d", p.file, p.document, p.item, p.line)
}

type loader struct {
	leaveOut   bool
	given      int64 // Config.ClusterID
	shift      int   // where the cluster ID begins in the number of an identity
	refused    []error
	objects    []object
	places     []place          // of the objects
	seen       map[string]place // kind, namespace and name of an object -> where it is
	doubled    []doubled
	identities map[int64]bool  // given, as in the files
	namespaces map[string]bool // given
	cluster    int64           // of all identities so far; -1: not known yet
	clusterOf  place           // that told the cluster
	name       string          // of the cluster, as in the identities' labels
	summary    Summary
}

// A doubled object is given twice.
type doubled struct {
	second string // its place and its name
	first  place
}

func newLoader(cfg Config) *loader {
	return &loader{
		leaveOut:   cfg.LeaveOut,
		given:      int64(cfg.ClusterID),
		shift:      fault.IdentityShift(cfg.ClusterID),
		seen:       map[string]place{},
		identities: map[int64]bool{},
		namespaces: map[string]bool{},
		cluster:    -1,
		summary:    Summary{Counts: map[string]int{}, LeftOut: map[string]int{}},
	}
}

func (l *loader) file(file string, data []byte) {
	documents, err := parse(data)
	if err != nil {
		l.refuse(fmt.Errorf("%s: %w", file, err))
		return
	}
	for i, document := range documents {
		item := 0
		l.add(place{file: file, document: i + 1, line: document.line}, document, &item)
	}
}

// listFields are those of a list, of any kind.
var listFields = []string{"apiVersion", "items", "kind", "metadata"}

// add takes in an object, or the items of a list; item counts the items of the
// document so far.
func (l *loader) add(at place, d *document, item *int) {
	o, ok := d.value.(object)
	if !ok {
		l.refuse(fmt.Errorf("%s: found %s where an object with apiVersion and kind belongs", at, describe(d.value)))
		return
	}
	kind, _ := o["kind"].(string)
	if _, ok := o["items"].([]any); ok && o["kind"] == nil {
		l.refuse(fmt.Errorf("%s: the file seems cut off: there are items, and a List, as kubectl writes it, ends with kind: List", at))
		return
	}
	if !strings.HasSuffix(kind, "List") {
		if err := l.object(o, kind, at); err != nil {
			l.refuse(fmt.Errorf("%s%s: %w", at, title(o, kind), err))
		}
		return
	}
	for _, field := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(listFields, field) {
			l.refuse(fmt.Errorf("%s: a %s has no field %q; it has apiVersion, items, kind and metadata (did a message of kubectl get into the file?)", at, kind, field))
			return
		}
	}
	if _, ok := o["items"].([]any); !ok {
		l.refuse(fmt.Errorf("%s: items: found %s in the %s; want a list", at, describe(o["items"]), kind))
		return
	}
	for i := range d.items {
		if nested, _ := d.items[i].value.(object); nested == nil || !strings.HasSuffix(nested.text("kind"), "List") {
			*item++
		}
		l.add(place{at.file, at.document, *item, d.items[i].line}, &d.items[i], item)
	}
}

// finish makes the output of what was read.
func (l *loader) finish() (all []json.RawMessage) {
	l.leaveOutUnidentified()
	l.adopt()
	if l.name == refusedName {
		l.summary.Renamed = true
		for _, o := range l.objects {
			renameCluster(o)
		}
	}
	l.summary.ClusterID = int(max(l.cluster, l.given, 0))
	slices.Sort(l.summary.CreatedNamespaces)
	for _, name := range l.summary.CreatedNamespaces {
		all = append(all, encode(object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}}))
		l.summary.Places = append(l.summary.Places, "namespace "+name)
	}
	for i, o := range l.objects {
		all = append(all, encode(o))
		l.summary.Places = append(l.summary.Places, l.places[i].String()+title(o, o.text("kind")))
	}
	return all
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
	return fmt.Sprintf(" (%s %s)", text.Line(kind), text.Line(name))
}
