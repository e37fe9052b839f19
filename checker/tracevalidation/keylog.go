package tracevalidation

import (
	"slices"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// most is how many writes and contents of one key can be told apart: a step of
// the model counts them in a byte.
const most = 255

// mostWrites leaves room for the one that watched adds.
const mostWrites = most - 1

// keyLog is what the kube-apiserver acknowledged of one key, as the model has it:
// a mesh with one address, which the key is, and a write for each claim that was
// made or ended. Whose content the address has after a write is what Cilium's
// writer makes of it: that of the claim that is oldest, until it ends.
type keyLog struct {
	log     mesh.Log
	records []int32   // of the writes
	content []uint8   // after each write; 0: nothing
	claimed [][]uint8 // the contents that are claimed after each write, if there are several
	lapsed  []lapse   // claims that ended while another was there
	updated []uint8   // writes, by number, with which a slice came to have another content of the key
}

// lapse is the end of a claim's content, by the write number at. The writer may have put
// any of those that the claim had had until then: it need not learn of all of them.
type lapse struct {
	at       uint8
	contents []uint8
}

// contents gives the contents of a key numbers, from 1.
type contents map[string]uint8

// number returns the number of a content; false if there are too many.
func (c contents) number(value string) (uint8, bool) {
	n, ok := c[value]
	if !ok && len(c) < most {
		n, ok = uint8(len(c)+1), true
		c[value] = n
	}
	return n, ok
}

// text is the content with a number.
func (c contents) text(n uint8) string {
	for value, number := range c {
		if number == n {
			return value
		}
	}
	return ""
}

type claim struct {
	owner   string
	content uint8
	had     []uint8 // all contents until now
}

// newKeyLog makes the log of the Truth records, which are of one key. It returns
// false if there are too many.
func newKeyLog(records []history.Record, truths []int32, names contents) (*keyLog, bool) {
	l := &keyLog{}
	var queue []claim
	for _, i := range truths {
		r := &records[i]
		if len(l.log) == mostWrites {
			return nil, false
		}
		at := slices.IndexFunc(queue, func(c claim) bool { return c.owner == r.Owner })
		if at >= 0 && len(queue) > 1 {
			l.lapsed = append(l.lapsed, lapse{uint8(len(l.log) + 1), slices.Clone(queue[at].had)})
		}
		switch {
		case r.Op == "del" && at >= 0:
			queue = slices.Delete(queue, at, at+1)
		case r.Op == "put":
			n, ok := names.number(r.Value)
			if !ok {
				return nil, false
			}
			if at < 0 {
				queue = append(queue, claim{owner: r.Owner})
				at = len(queue) - 1
			}
			if old := queue[at].content; old != 0 && old != n && isSlice(r.Owner) {
				l.updated = append(l.updated, uint8(len(l.log)+1))
			}
			queue[at].content = n
			queue[at].had = append(queue[at].had, n)
		}
		l.add(i, queue)
	}
	return l, true
}

// newSharedLog makes the log of the Put and Del records of an etcd that agents share, which
// are of one key: its revisions are what is true.
func newSharedLog(records []history.Record, changes []int32, names contents) (*keyLog, bool) {
	l := &keyLog{}
	for _, i := range changes {
		var queue []claim
		if r := &records[i]; r.Verb == history.Put {
			n, ok := names.number(r.Value)
			if !ok {
				return nil, false
			}
			queue = []claim{{content: n}}
		}
		if len(l.log) == mostWrites {
			return nil, false
		}
		l.add(i, queue)
	}
	return l, true
}

// watched is the log as those see it who list and watch it themselves: with a write before
// all others, which leaves nothing, since the model knows no list of a log without a write.
func (l *keyLog) watched() *keyLog {
	w := &keyLog{}
	w.add(-1, nil)
	w.log, w.records = append(w.log, l.log...), append(w.records, l.records...)
	w.content, w.claimed = append(w.content, l.content...), append(w.claimed, l.claimed...)
	for _, p := range l.lapsed {
		w.lapsed = append(w.lapsed, lapse{p.at + 1, p.contents})
	}
	for _, n := range l.updated {
		w.updated = append(w.updated, n+1)
	}
	return w
}

func (l *keyLog) add(record int32, queue []claim) {
	l.records = append(l.records, record)
	l.log = append(l.log, mesh.Write{Delete: len(queue) == 0})
	var first uint8
	var all []uint8
	for _, c := range queue {
		all = append(all, c.content)
	}
	if len(all) > 0 {
		first = all[0]
	}
	if len(all) < 2 {
		all = nil
	}
	l.content = append(l.content, first)
	l.claimed = append(l.claimed, all)
}

// by returns how many writes there were before a record.
func (l *keyLog) by(record int32) uint8 {
	n, _ := slices.BinarySearch(l.records, record)
	return uint8(n)
}

// after returns the content after so many writes.
func (l *keyLog) after(writes uint8) uint8 {
	if writes == 0 {
		return 0
	}
	return l.content[writes-1]
}
