package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Difference is a place where two answers differ.
type Difference struct {
	Step       string
	Where      string // "code", "unmodelled" (an answer 501), "events" (their types, names and versions), "header NAME" or a path of the body
	Real, Ours string
}

// Compare returns where the answers differ. Messages are for people: their words
// are not compared.
func Compare(real, ours []Answer) []Difference {
	byStep := map[string]Answer{}
	for _, a := range ours {
		byStep[a.Step] = a
	}
	var all []Difference
	for _, a := range real {
		b, ok := byStep[a.Step]
		if !ok {
			all = append(all, Difference{a.Step, "no answer", encode(a), ""})
			continue
		}
		delete(byStep, a.Step)
		all = append(all, compareAnswer(a, b)...)
	}
	for _, step := range slices.Sorted(maps.Keys(byStep)) {
		all = append(all, Difference{step, "no answer", "", encode(byStep[step])})
	}
	return all
}

func compareAnswer(real, ours Answer) []Difference {
	one := func(at string, a, b any) Difference { return Difference{real.Step, at, encode(a), encode(b)} }
	switch {
	case ours.Code == 501 && real.Code != 501:
		return []Difference{one("unmodelled", real, ours)}
	case real.Code != ours.Code:
		return []Difference{one("code", real, ours)}
	}
	var all []Difference
	for _, name := range compared {
		if a, b := real.Header[name], ours.Header[name]; a != b {
			all = append(all, Difference{real.Step, "header " + name, a, b})
		}
	}
	a, isA := real.Body.([]any)
	b, isB := ours.Body.([]any)
	if isA && isB && summary(a) != summary(b) {
		return append(all, Difference{real.Step, "events", summary(a), summary(b)})
	}
	compareValue("body", real.Body, ours.Body, func(at, a, b string) {
		all = append(all, Difference{real.Step, at, a, b})
	})
	return all
}

// summary is the types, names and versions of events.
func summary(events []any) string {
	var words []string
	for _, e := range events {
		m, ok := e.(map[string]any)
		if !ok || m["type"] == nil { // the end, or an answer that is no watch
			words = append(words, map[bool]string{true: "END", false: "no event"}[e == "END"])
			continue
		}
		o, _ := m["object"].(map[string]any)
		meta, _ := o["metadata"].(map[string]any)
		word := fmt.Sprint(m["type"])
		switch {
		case m["type"] == "ERROR":
			word += fmt.Sprintf(" %v %v", o["code"], o["reason"])
		case o["kind"] != "Table":
			for _, part := range []string{"namespace", "name", "resourceVersion"} {
				if meta[part] != nil {
					word += fmt.Sprintf(" %v", meta[part])
				}
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

// compareValue tells of the places where two values differ. Elements of arrays
// have the same path.
func compareValue(at string, real, ours any, differ func(at, real, ours string)) {
	if strings.HasSuffix(at, ".message") || reflect.DeepEqual(real, ours) {
		return
	}
	rm, ok1 := real.(map[string]any)
	om, ok2 := ours.(map[string]any)
	if ok1 && ok2 {
		keys := maps.Clone(rm)
		maps.Copy(keys, om)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			a, inReal := rm[k]
			b, inOurs := om[k]
			switch {
			case inReal && inOurs:
				compareValue(at+"."+k, a, b, differ)
			case k == "message":
			case inReal:
				differ(at+"."+k, encode(a), "absent")
			default:
				differ(at+"."+k, "absent", encode(b))
			}
		}
		return
	}
	ra, ok1 := real.([]any)
	oa, ok2 := ours.([]any)
	if strings.HasSuffix(at, ".managedFields") { // they are in the order of their times
		ra, oa = byWriter(ra), byWriter(oa)
	}
	if ok1 && ok2 && len(ra) == len(oa) {
		for i := range ra {
			compareValue(at+"[]", ra[i], oa[i], differ)
		}
		return
	}
	differ(at, encode(real), encode(ours))
}

// byWriter returns managedFields in order of their writers.
func byWriter(entries []any) []any {
	writer := func(entry any) string {
		e, _ := entry.(map[string]any)
		return fmt.Sprint(e["operation"], e["manager"], e["subresource"])
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b any) int { return strings.Compare(writer(a), writer(b)) })
	return entries
}

func encode(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprintf("%v", v) // cannot be: it came from JSON
	}
	return strings.TrimSpace(b.String())
}
