package explore

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// table is the set of states seen, by fingerprint, each with a link to the state
// it was first reached from and the number of the round in which that was. It
// takes 16 bytes a slot; its shards are 70 to 87.5 % full once they have grown
// for the first time, which makes at most 24 bytes a state in a large table.
//
// A fingerprint's home is proportional to its value, and the slots of a shard are
// kept in ascending order (linear probing, sorted). A search ends at the first
// greater value, a shard grows by any factor in one pass over both arrays, and
// the states with a given beginning of the fingerprint lie together, which is
// what makes 40 bits enough for a link.
type table struct {
	shards [1 << shardBits]shard
	bytes  atomic.Int64
	states atomic.Int64
}

const (
	shardBits = 8
	slotBytes = int(unsafe.Sizeof(slot{}))

	linkBits  = 40 // of a parent's fingerprint, its upper ones
	roundBits = 64 - linkBits
	maxRound  = 1<<roundBits - 1
)

// slot is one state, or empty if fp is zero.
type slot struct {
	fp   uint64
	link uint64 // parent's upper 40 bits, then the round's 24 bits
}

func (s slot) parent() uint64 { return s.link >> roundBits }
func (s slot) round() uint64  { return s.link & maxRound }

type shard struct {
	mu    sync.Mutex
	slots []slot // spread+tail of them
	n     int
	home  uint64   // number of slots that are a home
	_     [64]byte // shards are locked by different processors
}

// insert adds the state fp, reached in the given round from the state parent. If
// it was already reached in this round from another state, the one whose link is
// less becomes its parent, so that the order of insertions within a round does
// not matter. It reports whether the state is new.
func (t *table) insert(fp, parent, round uint64) (fresh bool) {
	s := &t.shards[fp>>(64-shardBits)]
	link := parent>>roundBits<<roundBits | round
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(fp)
	if i < len(s.slots) && s.slots[i].fp == fp {
		if old := &s.slots[i]; old.round() == round {
			old.link = min(old.link, link)
		}
		return false
	}
	// Only a new state may make the shard grow, so that its size depends on the
	// states in it and not on how often they were met.
	for s.full() || !s.put(i, slot{fp, link}) {
		t.grow(s)
		i = s.find(fp)
	}
	s.n++
	t.states.Add(1)
	return true
}

// full reports whether a shard has reached its greatest load, seven eighths.
func (s *shard) full() bool { return s.n >= int(s.home-s.home/8) }

// lookup returns the slot of fp.
func (t *table) lookup(fp uint64) (slot, bool) {
	s := &t.shards[fp>>(64-shardBits)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(fp); i < len(s.slots) && s.slots[i].fp == fp {
		return s.slots[i], true
	}
	return slot{}, false
}

// homeOf returns the first slot in which fp may be.
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
	for i < len(s.slots) && s.slots[i].fp != 0 && s.slots[i].fp < fp {
		i++
	}
	return i
}

// put inserts at index i, moving what is there. It reports false if there is no
// room behind i.
func (s *shard) put(i int, add slot) bool {
	end := i
	for end < len(s.slots) && s.slots[end].fp != 0 {
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
func (t *table) grow(s *shard) {
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
func (s *shard) refill(old []slot) bool {
	// The tail takes what is pushed beyond the last home.
	s.slots = newSlots(int(s.home + min(s.home/4, 128)))
	next := 0
	for _, e := range old {
		if e.fp == 0 {
			continue
		}
		next = max(next, s.homeOf(e.fp))
		if next >= len(s.slots) {
			freeSlots(s.slots)
			return false
		}
		s.slots[next] = e
		next++
	}
	return true
}

// withPrefix returns the slots whose fingerprints begin with the 40 bits of link,
// in ascending order.
func (t *table) withPrefix(link uint64) []slot {
	first := link << roundBits
	s := &t.shards[first>>(64-shardBits)]
	var found []slot
	for i := s.find(first); i < len(s.slots); i++ {
		e := s.slots[i]
		switch {
		case e.fp == 0 && i > s.homeOf(first|maxRound):
			return found
		case e.fp != 0 && e.fp>>roundBits > link:
			return found
		case e.fp != 0:
			found = append(found, e)
		}
	}
	return found
}

// all calls f with every slot in ascending order of fingerprints. Nobody may
// insert meanwhile.
func (t *table) all(f func(slot)) {
	for i := range t.shards {
		for _, e := range t.shards[i].slots {
			if e.fp != 0 {
				f(e)
			}
		}
	}
}

// free gives the memory back. The table must not be used any more.
func (t *table) free() {
	for i := range t.shards {
		freeSlots(t.shards[i].slots)
		t.shards[i].slots = nil
	}
}
