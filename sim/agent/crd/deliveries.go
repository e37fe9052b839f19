package crd

import (
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/informer"
)

// deliveries is what the lists and watches of one resource delivered, for as long as
// it is not known to be in use. An informer keeps what it got in a store, and its
// readers take from there what is the newest when their turn comes; so they ask here
// by an object's version, and for a deletion by its absence.
type deliveries struct {
	mu      sync.Mutex
	objects map[string]*object // by "namespace/name" or "name"
	list    history.Origin     // of the last complete list
	last    agent.Learned      // of any object
}

// object is what was delivered of an object, in order. The last one is what the
// informer has, or is about to have.
type object struct {
	version   string // of the last one; "" if that says that the object is gone
	delivered []delivery
}

type delivery struct {
	version string // "" if the object is gone
	from    agent.Learned
}

func newDeliveries() *deliveries { return &deliveries{objects: map[string]*object{}} }

// Deliver adds a version of an object, or that it is gone. The version that the
// informer has already changes nothing there, whoever says it again.
func (d *deliveries) Deliver(of informer.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deliverLocked(of.Name, of.Version, of.From)
}

func (d *deliveries) deliverLocked(name, version string, from agent.Learned) {
	o := d.objects[name]
	switch {
	case o == nil && version == "":
		return
	case o == nil:
		o = &object{}
		d.objects[name] = o
	case o.version == version:
		return
	}
	o.version = version
	o.delivered = append(o.delivered, delivery{version, from})
	d.last = from
}

// latest returns how the newest version of an object was learned of, or with an empty name
// what was delivered last. What came before it will be asked for no more.
func (d *deliveries) latest(name string) agent.Learned {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.objects[name]
	if o == nil {
		return d.last
	}
	from := o.delivered[len(o.delivered)-1].from
	d.keepFrom(name, o, len(o.delivered)-1)
	return from
}

// Replace delivers a complete list. What it lacks is gone, says the list's last page.
func (d *deliveries) Replace(items []informer.Delivery, last agent.Learned) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = last.Origin
	has := map[string]bool{}
	for _, i := range items {
		has[i.Name] = true
		d.deliverLocked(i.Name, i.Version, i.From)
	}
	for name := range d.objects { // in any order: each has its own entry
		if !has[name] {
			d.deliverLocked(name, "", last)
		}
	}
}

// current returns how the version of an object that a reader works on was learned of,
// or with version "" that it is gone. What came before it will be asked for no more.
func (d *deliveries) current(name, version string) agent.Learned {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.objects[name]
	if o == nil {
		return agent.Learned{}
	}
	for i, v := range slices.Backward(o.delivered) {
		if v.version == version {
			d.keepFrom(name, o, i)
			return v.from
		}
	}
	return agent.Learned{}
}

// next is current for a reader that is told of each delivery in turn: it returns the
// first one of an object, or the first that says that it is gone.
func (d *deliveries) next(name string, gone bool) agent.Learned {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.objects[name]
	if o == nil {
		return agent.Learned{}
	}
	for i, v := range o.delivered {
		if (v.version == "") == gone {
			d.keepFrom(name, o, i)
			if len(o.delivered) > 0 {
				o.delivered = o.delivered[1:]
			}
			return v.from
		}
	}
	return agent.Learned{}
}

// keepFrom forgets what was delivered before the one with the number i, and an object
// that is gone.
func (d *deliveries) keepFrom(name string, o *object, i int) {
	o.delivered = o.delivered[i:]
	if o.version == "" && len(o.delivered) == 1 {
		delete(d.objects, name)
	}
}

// lastList returns the origin of the last complete list.
func (d *deliveries) lastList() history.Origin {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list
}
