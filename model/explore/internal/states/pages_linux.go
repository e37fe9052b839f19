package states

import (
	"fmt"
	"syscall"
	"unsafe"
)

// pagesFrom is the size in bytes from which tables are kept outside of the Go
// heap: they are large, hold no pointers, are freed at known times, and must not
// double the heap before a collection.
const pagesFrom = 64 << 10

// newSlots returns n empty slots. It panics if there is no memory.
func newSlots(n int) []Slot {
	size := n * slotBytes
	if size < pagesFrom {
		return make([]Slot, n)
	}
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(&MemoryError{size, err})
	}
	if size >= 4<<20 {
		// Large pages save most of the cost of looking up an address at random. It
		// is a wish: a kernel without them serves small ones.
		_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE)
	}
	return unsafe.Slice((*Slot)(unsafe.Pointer(&b[0])), n)
}

// freeSlots gives back what newSlots returned.
func freeSlots(s []Slot) {
	size := len(s) * slotBytes
	if size < pagesFrom {
		return
	}
	if err := syscall.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), size)); err != nil {
		panic(fmt.Errorf("cannot free a table of %d bytes: %w", size, err))
	}
}
