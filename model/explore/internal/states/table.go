// Package states keeps the states of a search: those that were seen, as a table of
// fingerprints, and those that wait to be explored, as their encodings.
package states

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Table is the set of states seen, by fingerprint, each with a link to the state
// it was first reached from and the number of the round in which that was. It
// takes 16 bytes a Slot; its shards are 70 to 87.5 % full once they have grown
// for the first time, which makes at most 24 bytes a state in a large table.
//
// A fingerprint's home is proportional to its value, and the slots of a shard are
// kept in ascending order (linear probing, sorted). A search ends at the first
// greater value, a shard grows by any factor in one pass over both arrays, and
// the states with a given beginning of the fingerprint lie together, which is
// what makes 40 bits enough for a link.
type Table struct {
	shards [1 << shardBits]shard
	bytes  atomic.Int64
	states atomic.Int64
}

const (
	shardBits = 8
	slotBytes = int(unsafe.Sizeof(Slot{}))

	linkBits  = 40 // of a parent's fingerprint, its upper ones
	roundBits = 64 - linkBits
)

// MaxRound is the greatest number of a round.
const MaxRound = 1<<roundBits - 1

// Slot is one state, or empty if FP is zero.
type Slot struct {
	FP   uint64
	link uint64 // parent's upper 40 bits, then the round's 24 bits
}

// Parent is the beginning of the fingerprint of the state that it was first reached
// from, for WithPrefix.
func (s Slot) Parent() uint64 { return s.link >> roundBits }

// Round is that in which it was first reached.
func (s Slot) Round() uint64 { return s.link & MaxRound }

type shard struct {
	mu    sync.Mutex
	slots []Slot // spread+tail of them
	n     int
	home  uint64   // number of slots that are a home
	_     [64]byte // shards are locked by different processors
}

// Len returns the number of states.
func (t *Table) Len() int64 { return t.states.Load() }

// Bytes returns how much memory the table takes.
func (t *Table) Bytes() int64 { return t.bytes.Load() }

// Insert adds the state fp, reached in the given round from the state parent. If
// it was already reached in this round from another state, the one whose link is
// less becomes its parent, so that the order of insertions within a round does
// not matter. It reports whether the state is new.
func (t *Table) Insert(fp, parent, round uint64) (fresh bool) {
	s := &t.shards[fp>>(64-shardBits)]
	link := parent>>roundBits<<roundBits | round
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(fp)
	if i < len(s.slots) && s.slots[i].FP == fp {
		if old := &s.slots[i]; old.Round() == round {
			old.link = min(old.link, link)
		}
		return false
	}
	// Only a new state may make the shard grow, so that its size depends on the
	// states in it and not on how often they were met.
	for s.full() || !s.put(i, Slot{fp, link}) {
		t.grow(s)
		i = s.find(fp)
	}
	s.n++
	t.states.Add(1)
	return true
}

// full reports whether a shard has reached its greatest load, seven eighths.
func (s *shard) full() bool { return s.n >= int(s.home-s.home/8) }

// Lookup returns the Slot of fp.
func (t *Table) Lookup(fp uint64) (Slot, bool) {
	s := &t.shards[fp>>(64-shardBits)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(fp); i < len(s.slots) && s.slots[i].FP == fp {
		return s.slots[i], true
	}
	return Slot{}, false
}

// homeOf returns the first Slot in which fp may be.
func (s *shard) homeOf(fp uint64) int {
	hi, _ := bits.Mul64(fp<<shardBits, s.home)
	return int(hi)
}

// find returns the index of fp, or that at which it would be inserted.
func (s *shard) find(fp uint64) int {
	if s.home == 0 {
		return 0
	}
	i := s.homeOf(fp)
	for i < len(s.slots) && s.slots[i].FP != 0 && s.slots[i].FP < fp {
		i++
	}
	return i
}

// put inserts at index i, moving what is there. It reports false if there is no
// room behind i.
func (s *shard) put(i int, add Slot) bool {
	end := i
	for end < len(s.slots) && s.slots[end].FP != 0 {
		end++
	}
	if end >= len(s.slots) {
		return false
	}
	copy(s.slots[i+1:end+1], s.slots[i:end])
	s.slots[i] = add
	return true
}

// grow makes a shard a quarter larger.
func (t *Table) grow(s *shard) {
	old := s.slots
	s.home = max(32, s.home+s.home/4)
	for !s.refill(old) {
		s.home += s.home / 8
	}
	t.bytes.Add(int64(len(s.slots)-len(old)) * int64(slotBytes))
	freeSlots(old)
}

// refill puts the states of old into new slots, in one pass since both are in
// ascending order. It reports false if the last ones do not fit.
func (s *shard) refill(old []Slot) bool {
	// The tail takes what is pushed beyond the last home.
	s.slots = newSlots(int(s.home + min(s.home/4, 128)))
	next := 0
	for _, e := range old {
		if e.FP == 0 {
			continue
		}
		next = max(next, s.homeOf(e.FP))
		if next >= len(s.slots) {
			freeSlots(s.slots)
			return false
		}
		s.slots[next] = e
		next++
	}
	return true
}

// WithPrefix returns the slots whose fingerprints begin with the 40 bits of link,
// in ascending order.
func (t *Table) WithPrefix(link uint64) []Slot {
	first := link << roundBits
	s := &t.shards[first>>(64-shardBits)]
	var found []Slot
	for i := s.find(first); i < len(s.slots); i++ {
		e := s.slots[i]
		switch {
		case e.FP == 0 && i > s.homeOf(first|MaxRound):
			return found
		case e.FP != 0 && e.FP>>roundBits > link:
			return found
		case e.FP != 0:
			found = append(found, e)
		}
	}
	return found
}

// All calls f with every Slot in ascending order of fingerprints. Nobody may
// insert meanwhile.
func (t *Table) All(f func(Slot)) {
	for i := range t.shards {
		for _, e := range t.shards[i].slots {
			if e.FP != 0 {
				f(e)
			}
		}
	}
}

// Free gives the memory back. The table must not be used any more.
func (t *Table) Free() {
	for i := range t.shards {
		freeSlots(t.shards[i].slots)
		t.shards[i].slots = nil
	}
}

// MemoryError is what a table panics with when the machine has no memory for it.
type MemoryError struct {
	bytes int
	cause error
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("no memory for a table of %d bytes: %v: set Options.Memory to what the machine has", e.bytes, e.cause)
}
