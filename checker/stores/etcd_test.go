package stores

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"
	"github.com/meshcheck/meshcheck/history/index"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
)

// store runs a story in the store 00000000000000a0 of the replica r0, whose etcd
// started at 0 s.
func store(lines string) string {
	text := "0 r0 up etcd - store=00000000000000a0 inc=1\n"
	for line := range strings.Lines(lines) {
		if strings.TrimSpace(line) != "" && !strings.Contains(line, "store=") {
			line = strings.TrimSuffix(line, "\n") + " store=00000000000000a0\n"
		}
		text += line
	}
	return text
}

const etcdSays = "etcd of r0 (store 00000000000000a0): "

func TestEtcdRevisions(t *testing.T) {
	propertytest.Tell(t, Revisions, []propertytest.Story{
		{Name: "a transaction's changes share a revision, and pages at a revision agree", History: store(`
1 r0 put meta k/a rev=2 value=1
1 r0 put meta k/b rev=2 value=1
1 r0 call meta k/a op=put value=h1 rev=2 from=1
2 r0 put meta k/a rev=3 value=2
3 r0 del meta k/b rev=4
3 r0 call meta k/b op=delete value=1 rev=4 from=3
3 r0 call meta k/z op=delete value=0 rev=4 from=3
4 r0 call meta k/ end=k0 op=range rv=2 rev=4 from=4 value="k/a:2:h1 k/b:2:h2"
4 r0 call meta k/ end=k0 op=range rv=2 rev=4 from=4 value="k/a:2:h1" more=true
4 r0 call meta k/ end=k0 op=range rv=4 rev=4 from=4 value="k/a:3:h3"
4 r0 call meta k/ end="\x00" op=range rv=4 rev=4 from=4 value="k/a:3:h3"
`), Outcome: property.Pass, Says: []string{"4 changes of 1 store, 3 acknowledged writes and 4 answers at pinned revisions"}},
		{Name: "decrease", History: store(`
1 r0 put meta k/a rev=3 value=1
2 r0 put meta k/b rev=2 value=1
`), Outcome: property.Fail, Says: []string{etcdSays + `put of "k/b" at rev 2 came after rev 3 at 2.000s`}},
		{Name: "a key changes twice at one revision", History: store(`
1 r0 put meta k/a rev=3 value=1
2 r0 del meta k/a rev=3
`), Outcome: property.Fail, Says: []string{etcdSays + `"k/a" changed twice at rev 3 at 2.000s`}},
		{Name: "a replica applies to the store before its last start", History: store(`
1 r0 put meta k/a rev=2 value=1
2 r0 up etcd - store=00000000000000a1 inc=2
3 r0 put meta k/a rev=3 value=1
`), Outcome: property.Fail, Says: []string{etcdSays + `put of "k/a", although r0 had started store 00000000000000a1 before that at 3.000s`}},
		{Name: "an emptied etcd begins again under the same cluster ID", History: store(`
1 r0 put meta k/a rev=2 value=1
1 r0 call meta k/a op=put value=h1 rev=2 from=1
2 r0 down etcd - inc=1
3 r0 up etcd - store=00000000000000a0/2 inc=2
4 r0 call meta k/ end=k0 op=range rv=1 rev=1 from=4 store=00000000000000a0/2
5 r0 put meta k/a rev=2 value=2 store=00000000000000a0/2
5 r0 call meta k/a op=put value=h2 rev=2 from=5 store=00000000000000a0/2
6 r0 put meta k/a rev=3 value=2 store=00000000000000a0/2
`), Outcome: property.Pass, Says: []string{"3 changes of 2 stores, 2 acknowledged writes and 1 answer at pinned revisions"}},
		{Name: "an etcd that starts again with its data goes on", History: store(`
1 r0 put meta k/a rev=2 value=1
2 r0 down etcd - inc=1
3 r0 up etcd - inc=2
4 r0 call meta k/ end=k0 op=range rv=2 rev=2 from=4
5 r0 put meta k/a rev=2 value=2
`), Outcome: property.Fail, Says: []string{
			etcdSays + `an answer at rev 2 lacks "k/a", which was put at rev 2, at 4.000s`,
			etcdSays + `"k/a" changed twice at rev 2 at 5.000s`}},
		{Name: "another replica applies to a store", History: `
1 r0 put meta k/a store=00000000000000a0 rev=2 value=1
2 r1 put meta k/a store=00000000000000a0 rev=3 value=1
`, Outcome: property.Fail, Says: []string{`etcd of r1 (store 00000000000000a0): put of "k/a", although the store is that of r0 at 2.000s`}},
		{Name: "a member applies to the store that it has", History: `
0 e0 up etcd - store=00000000000000a0 inc=1
0 e1 up etcd - store=00000000000000a0 inc=1
1 e0 put meta k/a store=00000000000000a0 rev=2 value=1
2 e1 put meta k/a store=00000000000000a0 rev=3 value=1
`, Outcome: property.Pass, Says: []string{"2 changes of 1 store, 0 acknowledged writes and 0 answers at pinned revisions"}},
		{Name: "an etcd that is no member applies to it", History: `
0 e0 up etcd - store=00000000000000a0 inc=1
1 e0 put meta k/a store=00000000000000a0 rev=2 value=1
2 e1 put meta k/a store=00000000000000a0 rev=3 value=1
`, Outcome: property.Fail, Says: []string{`etcd of e1 (store 00000000000000a0): put of "k/a", although the store is that of e0 at 2.000s`}},
		{Name: "acknowledged, but not applied", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 call meta k/a op=delete value=1 rev=3 from=1
2 r0 put meta k/b rev=4 value=1
`), Outcome: property.Fail, Says: []string{
			etcdSays + `a put of "k/a" was acknowledged with rev 2, but never applied, at 1.000s`,
			etcdSays + `a delete of "k/a" was acknowledged with rev 3 and "1" deleted, but 0 were applied, at 1.000s`}},
		{Name: "acknowledged at the store's last instant", History: store(`
1 r0 put meta k/b rev=2 value=1
2 r0 call meta k/a op=put value=h1 rev=3 from=1
`), Outcome: property.Pass, Says: []string{"1 change of 1 store, 0 acknowledged writes and 0 answers at pinned revisions"}},
		{Name: "a failed write is not acknowledged", History: store(`
1 r0 call meta k/a op=put value=h1 from=1 err="lost"
2 r0 put meta k/b rev=2 value=1
`), Outcome: property.Pass, Says: []string{"1 change of 1 store, 0 acknowledged writes and 0 answers at pinned revisions"}},
		{Name: "answers at a revision that are not its state", History: store(`
1 r0 put meta k/a rev=2 value=1
1 r0 call meta k/a op=put value=h1 rev=2 from=1
2 r0 put meta k/b rev=3 value=1
3 r0 put meta k/a rev=4 value=2
4 r0 call meta k/a op=range rv=3 rev=4 from=4 value="k/a:4:h2"
4 r0 call meta k/a op=range rv=3 rev=4 from=4 value="k/a:2:h2"
4 r0 call meta k/ end=k0 op=range rv=2 rev=4 from=4 value="k/a:2:h1 k/b:3:h1"
4 r0 call meta k/ end=k0 op=range rv=3 rev=4 from=4 value="k/a:2:h1"
`), Outcome: property.Fail, Says: []string{
			etcdSays + `an answer at rev 3 holds "k/a" as h2 of rev 4, which was then h1 of rev 2, at 4.000s`,
			etcdSays + `an answer at rev 3 holds "k/a" as h2 of rev 2, which was then h1 of rev 2, at 4.000s`,
			etcdSays + `an answer at rev 2 holds "k/b" of rev 3, which did not exist then, at 4.000s`,
			etcdSays + `an answer at rev 3 lacks "k/b", which was put at rev 3, at 4.000s`}},
		{Name: "no change", History: "1 a0 up agent - inc=1", Outcome: property.Unknown, Says: []string{"no store applied a change"}},
	})
}

func TestEtcdLinearizable(t *testing.T) {
	propertytest.Tell(t, Linearizable, []propertytest.Story{
		{Name: "writes and reads that overlap", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=0
1.5 r0 call meta k/a op=range rev=2 from=0.5 value=k/a:2:h1
3 r0 call meta k/a op=range rev=2 from=2 value=k/a:2:h1
3 r0 call meta k/a op=put value=h2 rev=3 from=2
3 r0 call meta k/a op=range rev=3 from=2.5 value=k/a:3:h2
4 r0 call meta k/a op=delete value=1 rev=4 from=3.5
5 r0 call meta k/a op=range rev=4 from=5
`), Outcome: property.Pass, Says: []string{"7 operations on 1 key of 1 store, at most 3 of a key at once"}},
		{Name: "stale read", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
2 r0 call meta k/a op=put value=h2 rev=3 from=2
3 r0 call meta k/a op=range rev=3 from=3 value=k/a:2:h1
`), Outcome: property.Fail, Says: []string{etcdSays + `no order of the operations on "k/a" explains get -> h1 of rev 2, at rev 3 at 3.000s; the longest order that can be found ends with put h2 -> rev 3 at 2.000s`}},
		{Name: "a range lacks a key that exists", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 call meta k/b op=put value=h1 rev=3 from=1
2 r0 call meta k/ end=k0 op=range rev=3 from=2 value="k/a:2:h1"
`), Outcome: property.Fail, Says: []string{etcdSays + `no order of the operations on "k/b" explains get -> nothing, at rev 3 at 2.000s; the longest order that can be found ends with put h1 -> rev 3 at 1.000s`}},
		{Name: "a range cut by a limit says nothing of what follows", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 call meta k/b op=put value=h1 rev=3 from=1
2 r0 call meta k/ end=k0 op=range rev=3 from=2 value="k/a:2:h1" more=true
`), Outcome: property.Pass, Says: []string{"3 operations on 2 keys of 1 store, at most 1 of a key at once"}},
		{Name: "a key that others know is absent from a range before it is put", History: store(`
1 r0 call meta k/ end=k0 op=range rev=1 from=1
2 r0 call meta k/a:b op=put value=h1 rev=2 from=2
3 r0 call meta k/ end=k0 op=range rev=2 from=3 value=k/a:b:2:h1
`), Outcome: property.Pass, Says: []string{"3 operations on 1 key of 1 store, at most 1 of a key at once"}},
		{Name: "a lease expires", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 put meta k/a rev=2 value=1
2 r0 call meta k/a op=range rev=2 from=2 value=k/a:2:h1
900 r0 del meta k/a rev=3
901 r0 call meta k/a op=range rev=3 from=901
`), Outcome: property.Pass, Says: []string{"4 operations on 1 key of 1 store, at most 2 of a key at once"}},
		{Name: "a delete comes right after a lease expires and finds nothing", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 put meta k/a rev=2 value=1
900 r0 del meta k/a rev=3
901 r0 call meta k/a op=delete value=0 rev=3 from=901
`), Outcome: property.Pass, Says: []string{"3 operations on 1 key of 1 store, at most 2 of a key at once"}},
		{Name: "a key vanishes without a deletion", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 put meta k/a rev=2 value=1
901 r0 call meta k/a op=range rev=3 from=901
`), Outcome: property.Fail, Says: []string{etcdSays + `no order of the operations on "k/a" explains get -> nothing, at rev 3 at 901.000s; the longest order that can be found ends with put h1 -> rev 2 at 1.000s`}},
		{Name: "a range is deleted", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
1 r0 call meta k/b op=put value=h1 rev=3 from=1
1 r0 put meta k/a rev=2 value=1
1 r0 put meta k/b rev=3 value=1
2 r0 del meta k/a rev=4
2 r0 del meta k/b rev=4
2 r0 call meta k/ end=k0 op=delete value=2 rev=4 from=2
3 r0 call meta k/ end=k0 op=range rev=4 from=3
`), Outcome: property.Pass, Says: []string{"6 operations on 2 keys of 1 store, at most 1 of a key at once"}},
		{Name: "a failed put shows late, and another never", History: store(`
1 r0 call meta k/a op=put value=h1 from=1 err=lost
2 r0 call meta k/a op=put value=h2 from=2 err=lost
3 r0 call meta k/a op=range rev=1 from=3
9 r0 call meta k/a op=range rev=2 from=9 value=k/a:2:h1
`), Outcome: property.Pass, Says: []string{"4 operations on 1 key of 1 store, at most 3 of a key at once"}},
		{Name: "a value that nobody put", History: store(`
1 r0 call meta k/a op=put value=h1 from=1 err=lost
9 r0 call meta k/a op=range rev=2 from=9 value=k/a:2:h2
`), Outcome: property.Fail, Says: []string{etcdSays + `no order of the operations on "k/a" explains get -> h2 of rev 2, at rev 2 at 9.000s; the longest order that can be found ends with put h1 -> unknown at 1.000s`}},
		{Name: "an answer that is no answer", History: store(`
1 r0 call meta k op=range rev=2 from=1 value=k
`), Outcome: property.Fail, Says: []string{etcdSays + `no order of the operations on "k" explains get ->  of rev 0, at rev 2 at 1.000s`}},
		{Name: "stores are apart", History: store(`
1 r0 call meta k/a op=put value=h1 rev=2 from=1
2 r1 call meta k/a op=range rev=1 from=2 store=00000000000000b1
`), Outcome: property.Pass, Says: []string{"2 operations on 2 keys of 2 stores, at most 1 of a key at once"}},
		{Name: "no call", History: "1 a0 up agent - inc=1", Outcome: property.Unknown, Says: []string{"no store answered a call"}},
	})
}

// manyReaders is a key that is written every second and read by agents at the same
// instants.
func manyReaders(writes, agents int) []history.Record {
	var records []history.Record
	call := history.Record{Actor: "r0", Verb: history.Call, Kind: history.Meta, Key: "cilium/.heartbeat", Store: "00000000000000a0"}
	for i := range writes {
		at := time.Duration(i) * time.Second
		rev := int64(i + 2)
		for a := range agents {
			r := call
			r.Op, r.At, r.From, r.Peer, r.Rev = "range", at, at, fmt.Sprint("a", a), rev-int64(a%2)
			if r.Rev > 1 {
				r.Value = fmt.Sprintf("%s:%d:h%d", r.Key, r.Rev, r.Rev)
			}
			records = append(records, r)
		}
		w := call
		w.Op, w.At, w.From, w.Value, w.Rev = "put", at, at, fmt.Sprint("h", rev), rev
		records = append(records, w)
	}
	return records
}

func TestManyReadersAtOnceAreJudgedInTime(t *testing.T) {
	records := manyReaders(100, 1000)
	r := Linearizable.Check(&property.Input{Index: index.New(&history.History{Records: records}), Deadline: time.Minute})
	require.Equal(t, property.Pass, r.Outcome, r.Evidence)

	wrong := &records[50*1001+500] // a read in the middle
	wrong.Value = wrong.Key + ":52:other"
	r = Linearizable.Check(&property.Input{Index: index.New(&history.History{Records: records}), Deadline: time.Minute})
	require.Equal(t, property.Fail, r.Outcome, r.Evidence)
	require.Len(t, r.Violations, 1)
	require.Contains(t, r.Violations[0].Sentence(), "explains get -> other of rev 52, at rev 52 at 50.000s")
}

// TestAPieceEndsOnlyAtAQuietInstant has a put under way while more reads than a
// piece's worth still answer with nothing.
func TestAPieceEndsOnlyAtAQuietInstant(t *testing.T) {
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "%d r0 call meta k op=range rev=1 from=%d\n", i+1, i+1)
	}
	lines.WriteString("101 r0 call meta k op=put value=h1 rev=2 from=0\n102 r0 call meta k op=range rev=2 from=102 value=k:2:h1\n")
	r := propertytest.Judge(t, Linearizable, store(lines.String()))
	require.Equal(t, property.Pass, r.Outcome, r.Violations)
}

func TestADeadlineIsUnknown(t *testing.T) {
	r := Linearizable.Check(&property.Input{Index: index.New(&history.History{Records: manyReaders(10, 10)}), Deadline: time.Nanosecond})
	require.Equal(t, property.Unknown, r.Outcome)
	require.Equal(t, "the deadline of 1ns passed when 0 of 30 operations had been judged; simrun check -deadline gives its history more", r.Evidence)
}
