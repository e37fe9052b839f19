// Package cilium is the one door into what Cilium, hive, client-go and etcd do not
// export: each private field, and each function that is reached by go:linkname, is a
// function here that says why it is needed. What else meshcheck takes from them by
// hand, such as functions that it has to write again, stands in assumptions_test.go.
//
// A test holds every assumption against the sources of the versions in go.mod, so
// that another version of Cilium fails it in seconds, with a sentence for each
// assumption that does not hold any more. docs/upgrading.md says what to do then.
package cilium

import (
	"reflect"
	"unsafe"
)

// field returns a pointer to the field of type T of the struct that s points to.
// It panics if there is no such field or if it is of another type.
func field[T any](s any, name string) *T {
	f := reflect.ValueOf(s).Elem().FieldByName(name)
	if want := reflect.TypeFor[T](); f.Type() != want {
		panic("field " + name + " is a " + f.Type().String() + ", not a " + want.String())
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}
