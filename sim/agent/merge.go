package agent

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// Merge stands between the readers of several sources and what consumes their entries. It
// keeps what each of them says, and hands on, of each entry, what the first one says that
// counts and knows it. So a source can come to count, or cease to, with one change for each
// entry of which that makes a difference, where Cilium's ipcache forgets what it refuses, and
// keeps what a reader that has stopped had said.
//
// Cilium has nothing like it.
type Merge struct {
	into Sink

	mu     sync.Mutex
	counts []mode.Source // the first takes precedence
	said   map[entryID]map[mode.Source]saying
	shown  map[entryID]string // contents
}

// saying is what a source says of an entry.
type saying struct {
	content string
	from    Learned
}

// NewMerge returns a merge of sources of which none counts.
func NewMerge(into Sink) *Merge {
	return &Merge{into: into, said: map[entryID]map[mode.Source]saying{}, shown: map[entryID]string{}}
}

// Sink is where the reader of a source hands on what it knows.
func (m *Merge) Sink(of mode.Source) Sink { return Sink{merged{m, of}} }

// Counting changes which sources count, the first taking precedence. What none of them knows
// is gone from now on, as their list says, which was learned of so.
func (m *Merge) Counting(list Learned, sources ...mode.Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = sources
	for _, id := range m.sortedLocked() {
		m.settleLocked(id, list)
	}
}

// Forget drops what a source has said: its reader has stopped. One that counts is not to be
// forgotten.
func (m *Merge) Forget(source mode.Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.said { // in any order: each has its own entry
		m.unsayLocked(id, source)
	}
}

func (m *Merge) sortedLocked() []entryID {
	return slices.SortedFunc(maps.Keys(m.said), func(a, b entryID) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
}

func (m *Merge) unsayLocked(id entryID, source mode.Source) {
	if delete(m.said[id], source); len(m.said[id]) == 0 {
		if _, shown := m.shown[id]; !shown {
			delete(m.said, id)
		}
	}
}

// settleLocked hands on what counts of an entry. gone is how it was learned of that it is
// gone, if it is.
func (m *Merge) settleLocked(id entryID, gone Learned) {
	was, shown := m.shown[id]
	for _, s := range m.counts {
		now, says := m.said[id][s]
		if !says {
			continue
		}
		if !shown || was != now.content {
			m.shown[id] = now.content
			m.into.to.set(now.from, truth.Entry{Kind: id.kind, Key: id.key, Value: now.content})
		}
		return
	}
	if shown {
		delete(m.shown, id)
		m.into.to.delete(gone, id.kind, id.key)
	}
	if len(m.said[id]) == 0 {
		delete(m.said, id)
	}
}

// merged is told of the entries of one source.
type merged struct {
	*Merge
	source mode.Source
}

func (m merged) has(kind, key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, says := m.said[entryID{kind, key}][m.source]
	return says
}

func (m merged) set(from Learned, e truth.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := entryID{e.Kind, e.Key}
	if m.said[id] == nil {
		m.said[id] = map[mode.Source]saying{}
	}
	m.said[id][m.source] = saying{e.Value, from}
	m.settleLocked(id, from)
}

// delete hands on the deletion of what nobody has said, too, by a source that counts: its
// reader asks for what it never had.
func (m merged) delete(from Learned, kind, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := entryID{kind, key}
	if len(m.said[id]) == 0 && slices.Contains(m.counts, m.source) {
		m.into.to.delete(from, kind, key)
		return
	}
	m.unsayLocked(id, m.source)
	m.settleLocked(id, from)
}
