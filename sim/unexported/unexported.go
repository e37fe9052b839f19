// Package unexported reaches into the code under test where it offers no way in.
// Each use says why it must.
package unexported

import (
	"reflect"
	"unsafe"
)

// Field returns a pointer to the field of type T of the struct that s points to.
// It panics if there is no such field or if it is of another type.
func Field[T any](s any, name string) *T {
	f := reflect.ValueOf(s).Elem().FieldByName(name)
	if want := reflect.TypeFor[T](); f.Type() != want {
		panic("field " + name + " is a " + f.Type().String() + ", not a " + want.String())
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}
