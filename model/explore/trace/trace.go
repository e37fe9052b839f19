// Package trace is the form of executions of a model: counterexamples and witnesses, as
// values, as JSON and as text.
package trace

import (
	"encoding/json"
	"fmt"
)

// Version is the version of the JSON form of a Trace.
const Version = 1

// Trace is an execution of a model that breaks a property, or is the witness of a
// Sometimes. Its JSON form can be read back.
type Trace struct {
	Version  int    `json:"version"` // of this form: Version
	Model    string `json:"model"`
	Property string `json:"property"`
	Kind     string `json:"kind"`
	Start    []Var  `json:"start"` // the initial state, whole
	Steps    []Step `json:"steps"`
	// Loop is the number of steps before the part that repeats for ever, or -1
	// if the trace is finite. If it is the number of all steps, nothing more
	// happens after them, ever.
	Loop int `json:"loop"`
}

// Var is a part of a state: a name, and its value or the values in it.
type Var struct {
	Name  string   `json:"name"`
	Value string   `json:"value,omitempty"`
	Items []string `json:"items,omitempty"` // of a list; Value is then empty
	List  bool     `json:"list,omitempty"`  // Items, though there may be none
}

// Step is one action and what it changed.
type Step struct {
	Action  string   `json:"action"`
	Changes []Change `json:"changes"`
}

// Change is a part of the state that a step changed.
type Change struct {
	Name string `json:"name"`
	// From and To are the values before and after, empty where there was none.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Removed and Added are what a list lost and gained. Both are empty if From
	// and To are the lists, differing in order.
	Removed []string `json:"removed,omitempty"`
	Added   []string `json:"added,omitempty"`
}

// Read returns the trace whose JSON form is b.
func Read(b []byte) (*Trace, error) {
	var t Trace
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if t.Version != Version {
		return nil, fmt.Errorf("trace: version %d, this program reads version %d", t.Version, Version)
	}
	if t.Loop < NoLoop || t.Loop > len(t.Steps) {
		return nil, fmt.Errorf("trace: loop at step %d of %d: it must be -1 or a number of steps", t.Loop, len(t.Steps))
	}
	return &t, nil
}

// NoLoop is Trace.Loop of a finite trace.
const NoLoop = -1

// Diff returns what changed between two states, in the order of the later one.
func Diff(old, next []Var) []Change {
	changes := []Change{}
	before := map[string]Var{}
	for _, v := range old {
		before[v.Name] = v
	}
	for _, v := range next {
		o := before[v.Name]
		delete(before, v.Name)
		if c, changed := change(o, v); changed {
			changes = append(changes, c)
		}
	}
	for _, v := range old {
		if _, gone := before[v.Name]; gone {
			if c, changed := change(v, Var{Name: v.Name, List: v.List}); changed {
				changes = append(changes, c)
			}
		}
	}
	return changes
}

// change compares a part of the state with itself before. As lists go, it is
// told what is gone and what is new.
func change(old, next Var) (Change, bool) {
	c := Change{Name: next.Name}
	if !next.List && !old.List {
		c.From, c.To = old.Value, next.Value
		return c, old.Value != next.Value
	}
	c.Removed = without(old.Items, next.Items)
	c.Added = without(next.Items, old.Items)
	if len(c.Removed) > 0 || len(c.Added) > 0 {
		return c, true
	}
	for i := range next.Items {
		if next.Items[i] != old.Items[i] {
			c.From, c.To = fmt.Sprint(old.Items), fmt.Sprint(next.Items)
			return c, true
		}
	}
	return c, false
}

// without returns the items of a that are left when each item of b takes one
// equal item away.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, x := range b {
		count[x]++
	}
	var left []string
	for _, x := range a {
		if count[x]--; count[x] < 0 {
			left = append(left, x)
		}
	}
	return left
}
