package trace

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Vars lists the parts of a state: fields, elements of arrays and entries
// of maps one by one, slices as lists. A part whose type has a String method is
// shown by it.
func Vars(state any) []Var {
	var vars []Var
	v := reflect.ValueOf(state).Elem()
	appendVars(&vars, "", v)
	return vars
}

func appendVars(vars *[]Var, name string, v reflect.Value) {
	if _, ok := stringer(v); !ok {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				appendVars(vars, strings.TrimPrefix(name+"."+v.Type().Field(i).Name, "."), v.Field(i))
			}
			return
		case reflect.Array:
			for i := range v.Len() {
				appendVars(vars, fmt.Sprintf("%s[%d]", name, i), v.Index(i))
			}
			return
		case reflect.Slice:
			list := Var{Name: name, List: true}
			for i := range v.Len() {
				list.Items = append(list.Items, format(v.Index(i)))
			}
			*vars = append(*vars, list)
			return
		case reflect.Map:
			entries := mapEntries(v)
			for _, key := range slices.Sorted(maps.Keys(entries)) {
				appendVars(vars, fmt.Sprintf("%s[%s]", name, key), entries[key])
			}
			return
		}
	}
	*vars = append(*vars, Var{Name: name, Value: format(v)})
}

// format renders a value on one line.
func format(v reflect.Value) string {
	if s, ok := stringer(v); ok {
		return s.String()
	}
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			parts = append(parts, v.Type().Field(i).Name+":"+format(v.Field(i)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, format(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case reflect.Map:
		entries := mapEntries(v)
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			parts = append(parts, key+":"+format(entries[key]))
		}
		return "map[" + strings.Join(parts, " ") + "]"
	}
	return fmt.Sprint(open(v).Interface())
}

// mapEntries returns the values of a map by the text of their keys.
func mapEntries(v reflect.Value) map[string]reflect.Value {
	entries := map[string]reflect.Value{}
	for it := open(v).MapRange(); it.Next(); {
		entries[format(it.Key())] = it.Value()
	}
	return entries
}

// stringer returns the value's own rendering, whether its type or a pointer to it
// has the method.
func stringer(v reflect.Value) (fmt.Stringer, bool) {
	v = open(v)
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s, true
	}
	if v.CanAddr() {
		s, ok := v.Addr().Interface().(fmt.Stringer)
		return s, ok
	}
	return nil, false
}

// open returns the same value, readable though it may come from an unexported field.
func open(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	}
	return v
}
