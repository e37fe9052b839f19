package managed

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Type says what is not as in most values: that an object is made of its fields, and an array is one
// value. Nil is a value of which that is true all the way down.
type Type struct {
	Fields map[string]*Type
	Atomic bool     // an object that is one value
	Keys   []string // an array whose items are told apart by these fields
	Unique bool     // an array whose items are told apart by what they are
	Items  *Type    // of an array with Keys
}

func (t *Type) field(name string) *Type {
	if t == nil {
		return nil
	}
	return t.Fields[name]
}

// comparison is what a write has set, and what it has removed.
type comparison struct{ set, removed *Set }

// none stands for a field that is not there, which null is not.
var none any = struct{}{}

// leaf is a set of the field itself.
var leaf = &Set{member: true}

// compare compares a value with the one before, as structured-merge-diff does (typed/compare.go).
func (t *Type) compare(old, now any) comparison {
	if oldMap, nowMap, both := pair[map[string]any](old, now); both && !(t != nil && t.Atomic) && len(oldMap)+len(nowMap) > 0 {
		return t.compareKids(old, now, sortedUnion(oldMap, nowMap), func(name string) (element string, a, b any, of *Type) {
			return "f:" + name, orNone(oldMap, name), orNone(nowMap, name), t.field(name)
		})
	}
	if oldList, nowList, both := pair[[]any](old, now); both && t != nil && (t.Unique || len(t.Keys) > 0) && len(oldList)+len(nowList) > 0 {
		before, after := t.byElement(oldList), t.byElement(nowList)
		return t.compareKids(old, now, sortedUnion(before, after), func(element string) (string, any, any, *Type) {
			return element, orNone(before, element), orNone(after, element), t.Items
		})
	}
	switch {
	case old == none:
		return comparison{set: leaf}
	case now == none:
		return comparison{removed: leaf}
	case !reflect.DeepEqual(old, now):
		return comparison{set: leaf}
	}
	return comparison{}
}

func (t *Type) compareKids(old, now any, names []string, get func(string) (element string, old, now any, of *Type)) comparison {
	set, removed := &Set{member: old == none}, &Set{member: now == none}
	for _, name := range names {
		element, a, b, of := get(name)
		c := of.compare(a, b)
		set.put(element, c.set)
		removed.put(element, c.removed)
	}
	return comparison{set.orNil(), removed.orNil()}
}

// pair returns two values that are of a type, or null, or not there; both says whether they are.
func pair[T any](old, now any) (a, b T, both bool) {
	a, isA := old.(T)
	b, isB := now.(T)
	fits := func(v any, is bool) bool { return is || v == nil || v == none }
	return a, b, (isA || isB) && fits(old, isA) && fits(now, isB)
}

func orNone(m map[string]any, name string) any {
	if v, there := m[name]; there {
		return v
	}
	return none
}

func sortedUnion(a, b map[string]any) []string {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// byElement returns the items of an array by what tells them apart.
func (t *Type) byElement(items []any) map[string]any {
	out := make(map[string]any, len(items))
	for _, item := range items {
		if t.Unique {
			out["v:"+encode(item)] = item
			continue
		}
		fields, _ := item.(map[string]any)
		var keys []string
		for _, name := range t.Keys {
			value, there := fields[name]
			if !there && name == "protocol" {
				value, there = "TCP", true // its default
			}
			if there {
				keys = append(keys, encode(name)+":"+encode(value))
			}
		}
		out["k:{"+strings.Join(keys, ",")+"}"] = item
	}
	return out
}

// encode encodes what came from JSON.
func encode(v any) string {
	switch v := v.(type) {
	case string:
		return string(appendString(nil, v))
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "null" // cannot be: it came from JSON
	}
	return string(raw)
}

// appendString appends a string as JSON has it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			raw, err := json.Marshal(s)
			if err == nil { // a string can always be encoded
				return append(b, raw...)
			}
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
