package stores

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// watched is a store with the keys k/a and k/b, which change at revisions 2 to 6, and
// k/b and k/c at once at 5; l/a is outside of the watched range.
func watched(lines string) string {
	return store(`
1 r0 put meta k/a rev=2 value=1
1 r0 call meta k/a op=put value=h2 rev=2 from=1
1 r0 put meta k/a rev=3 value=2
2 r0 put meta l/a rev=4 value=1
2 r0 put meta k/b rev=5 value=1
2 r0 put meta k/c rev=5 value=1
3 r0 del meta k/a rev=6
` + lines + `
9 r0 down etcd -
`)
}

func TestEtcdWatch(t *testing.T) {
	const watch = "etcd of r0 (store 00000000000000a0): not "
	propertytest.Tell(t, Watch, []propertytest.Story{
		{Name: "catching up, a fragment, progress and the present", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=2 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 more=true value="put:k/a:2:2:1:h2 put:k/a:3:2:2:h3 put:k/b:5:5:1:h1"
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/c:5:5:1:h1 del:k/a:6"
5 r0 event meta k/ end=k0 peer=a0 id=1 rev=6
5 r0 watch meta k/ end=k0 peer=a0 ask=0 rev=6 id=2 value=prev
6 r0 put meta k/b rev=7 value=2
6 r0 event meta k/ end=k0 peer=a0 id=1 rev=7 value=put:k/b:7:5:2:h2
6 r0 event meta k/ end=k0 peer=a0 id=2 rev=7 value=put:k/b:7:5:2:h2:prev=5
7 r0 unwatch meta k/ end=k0 peer=a0 id=2 value=client
`), Outcome: property.Pass, Says: []string{"7 events in 4 answers and 1 progress notification on 2 watches"}},
		{Name: "only deletions are asked for", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=2 rev=6 id=1 value=noput
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value=del:k/a:6
`), Outcome: property.Pass, Says: []string{"1 event in 1 answer and 0 progress notifications on 1 watch"}},
		{Name: "compacted before what it wants", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=2 rev=6 id=1
4 r0 unwatch meta k/ end=k0 peer=a0 id=1 rev=5 value=compacted
`), Outcome: property.Pass, Says: []string{"0 events in 0 answers and 0 progress notifications on 1 watch"}},
		{Name: "out of order", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=3 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/a:3:2:2:h3 put:k/b:5:5:1:h1 put:k/c:5:5:1:h1 put:k/a:3:2:2:h3 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `ordered: the watch of a0 on "k/" from rev 3 got the put of k/a at rev 3 after rev 5, at 4.000s`}},
		{Name: "twice", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value=del:k/a:6
5 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value=del:k/a:6
`), Outcome: property.Fail, Says: []string{watch + `unique: the watch of a0 on "k/" from rev 6 got the deletion of k/a at rev 6 twice, at 5.000s`}},
		{Name: "a revision in two answers", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=4 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value=put:k/b:5:5:1:h1
5 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/c:5:5:1:h1 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `atomic: the watch of a0 on "k/" from rev 4 lacks "k/c" of rev 5, when it got rev 6, at 4.000s`}},
		{Name: "a revision left out", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=3 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/a:3:2:2:h3 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `reliable: the watch of a0 on "k/" from rev 3 lacks "k/b" of rev 5 and 1 more, when it got rev 6, at 4.000s`}},
		{Name: "what never was", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="del:k/a:6 del:k/z:6 oddity"
`), Outcome: property.Fail, Says: []string{
			watch + `reliable: the watch of a0 on "k/" from rev 6 got the deletion of k/z at rev 6, which the store never made, at 4.000s`,
			watch + `filtered: the watch of a0 on "k/" from rev 6 got the deletion of oddity at rev -1, which it had not asked for, at 4.000s`}},
		{Name: "a first event without a revision", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/a:x:2:1:h2 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `reliable: the watch of a0 on "k/" from rev 6 got the put of k/a at rev -1, which the store never made, at 4.000s`}},
		{Name: "it begins late", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=2 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/b:5:5:1:h1 put:k/c:5:5:1:h1 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `resumable: the watch of a0 on "k/" from rev 2 lacks "k/a" of rev 2 and 1 more, when it got rev 6, at 4.000s`}},
		{Name: "it begins early", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/a:3:2:2:h3 del:k/a:6"
`), Outcome: property.Fail, Says: []string{watch + `resumable: the watch of a0 on "k/" from rev 6 got the put of k/a at rev 3, from before its start, at 4.000s`}},
		{Name: "ended by a compaction that did not concern it", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=1
4 r0 unwatch meta k/ end=k0 peer=a0 id=1 rev=5 value=compacted
`), Outcome: property.Fail, Says: []string{watch + `resumable: the watch of a0 on "k/" from rev 6 was ended by the compaction up to rev 5, although it wanted rev 6 next, at 4.000s`}},
		{Name: "progress before what it says, and an event before the progress", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=5 rev=6 id=1
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6
4 r0 watch meta k/ end=k0 peer=a1 ask=7 rev=6 id=2
4 r0 event meta k/ end=k0 peer=a1 id=2 rev=7
5 r0 put meta k/b rev=7 value=2
6 r0 event meta k/ end=k0 peer=a1 id=2 rev=7 value=put:k/b:7:5:2:h2
`), Outcome: property.Fail, Says: []string{
			watch + `bookmarkable: the watch of a0 on "k/" from rev 5 was told of the progress to rev 6, but lacks "k/b" of rev 5 and 2 more, at 4.000s`,
			watch + `bookmarkable: the watch of a1 on "k/" from rev 7 was told of the progress to rev 7, but lacks "k/b" of rev 7, at 4.000s`}},
		{Name: "other keys, and what was not wanted", History: watched(`
4 r0 watch meta k/ end=k0 peer=a0 ask=4 rev=6 id=1 value=nodelete
4 r0 event meta k/ end=k0 peer=a0 id=1 rev=6 value="put:k/b:5:5:1:h1 put:k/c:5:5:1:h1 del:k/a:6"
4 r0 watch meta k/ end=k0 peer=a0 ask=6 rev=6 id=2
4 r0 event meta k/ end=k0 peer=a0 id=2 rev=6 value="put:l/a:4:4:1:h1 del:k/a:6"
`), Outcome: property.Fail, Says: []string{
			watch + `filtered: the watch of a0 on "k/" from rev 4 got the deletion of k/a at rev 6, which it had not asked for, at 4.000s`,
			watch + `filtered: the watch of a0 on "k/" from rev 6 got the put of l/a at rev 4, which it had not asked for, at 4.000s`}},
		{Name: "a change taken for a creation, another value, another previous value", History: watched(`
4 r0 watch meta k/a peer=a0 ask=3 rev=6 id=1
4 r0 event meta k/a peer=a0 id=1 rev=6 value="put:k/a:3:3:1:h3 del:k/a:6:prev=2"
4 r0 watch meta k/a peer=a0 ask=2 rev=6 id=2
4 r0 event meta k/a peer=a0 id=2 rev=6 value="put:k/a:2:2:1:h9"
`), Outcome: property.Fail, Says: []string{
			watch + `created or modified: the watch of a0 on "k/a" from rev 3 got the put of k/a at rev 3 as version 1 of h3 created at rev 3, which was version 2 of a value created at rev 2, at 4.000s`,
			watch + `previous value: the watch of a0 on "k/a" from rev 3 got the deletion of k/a at rev 6 with a previous value of rev 2, which was rev 3, at 4.000s`,
			watch + `created or modified: the watch of a0 on "k/a" from rev 2 got the put of k/a at rev 2 as version 1 of h9 created at rev 2, which was version 1 of h2 created at rev 2, at 4.000s`}},
		{Name: "no watches", History: watched(""), Outcome: property.Unknown, Says: []string{"the history has no watch of an etcd"}},
	})
}

func TestRevisionOrigin(t *testing.T) {
	const later = "60 world phase - end\n"
	propertytest.Tell(t, RevisionOrigin, []propertytest.Story{
		{Name: "from an answer, an event and a progress notification", History: `
1 a0 up agent - inc=1
1 r0 call meta k/ end=k0 op=range peer=a0 store=a0 rev=4 from=1
1 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=5 rev=4 id=1
2 r0 event meta k/ end=k0 peer=a0 store=a0 id=1 rev=7 value=put:k/a:7:7:1:h
3 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=8 rev=9 id=2
4 r0 event meta k/ end=k0 peer=a0 store=a0 id=2 rev=12
5 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=13 rev=12 id=3
6 r0 watch meta k/ end=k0 peer=a0 store=a0 rev=12 ask=0 id=4
` + later, Outcome: property.Pass, Says: []string{"3 watches from a revision, each compared with what its store had told the client: 0 foreign and given up, 0 foreign and cut short; 1 of the present"}},
		{Name: "the revision is another store's", History: `
1 r0 call meta k/ end=k0 op=range peer=a0 store=a0 rev=13 from=1
2 r0 watch meta k/ end=k0 peer=a0 store=a0/2 ask=14 rev=1 id=1
3 r1 call meta k/a op=put value=h peer=a0 store=b0 rev=2 from=3
3 r1 watch meta k/ end=k0 peer=a0 store=b0 ask=14 rev=2 id=2
` + later, Outcome: property.Fail, Says: []string{
			`a0 watches "k/" in the etcd of r0 (store a0/2) from rev 14 at 2.000s, and stays with it, but that store had told it nothing yet`,
			`a0 watches "k/" in the etcd of r1 (store b0) from rev 14 at 3.000s, and stays with it, but that store had told it of rev 2 at most`}},
		{Name: "the revision is that of the process before", History: `
1 a0 up agent - inc=1
1 r0 call meta k/ end=k0 op=range peer=a0 store=a0 rev=13 from=1
2 a0 down agent - inc=1
3 a0 up agent - inc=2
3 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=14 rev=13 id=1
` + later, Outcome: property.Fail, Says: []string{`a0 watches "k/" in the etcd of r0 (store a0) from rev 14 at 3.000s, and stays with it, but that store had told it nothing yet`}},
		{Name: "refused by the client, which closes its connection, or ends", History: `
2 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=14 rev=1 id=1
3 r0 unwatch meta k/ end=k0 peer=a0 store=a0 id=1 value=client
4 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=14 rev=1 id=2
5 a0 net - close peer=r0
6 r0 watch meta k/ end=k0 peer=a1 store=a0 ask=14 rev=1 id=3
7 a1 down agent - inc=1
` + later, Outcome: property.Pass, Says: []string{"3 watches from a revision, each compared with what its store had told the client: 3 foreign and given up, 0 foreign and cut short; 0 of the present"}},
		{Name: "refused too late", History: `
2 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=14 rev=1 id=1
13 a0 net - close peer=r0
` + later, Outcome: property.Fail, Says: []string{`a0 watches "k/" in the etcd of r0 (store a0) from rev 14 at 2.000s, and stays with it, but that store had told it nothing yet`}},
		{Name: "no time to refuse: a fault, the store's end, the run's end", History: `
2 r0 watch meta k/ end=k0 peer=a0 store=a0 ask=14 rev=1 id=1
3 world fault partition a0 peer=r0 rev=1
20 world heal partition a0 peer=r0 rev=1
25 a0 net - close peer=r0
30 r0 watch meta k/ end=k0 peer=a1 store=a0 ask=14 rev=1 id=2
31 r0 unwatch meta k/ end=k0 peer=a1 store=a0 id=2 value=closed
55 r0 watch meta k/ end=k0 peer=a2 store=a0 ask=14 rev=1 id=3
` + later, Outcome: property.Pass, Says: []string{"3 watches from a revision, each compared with what its store had told the client: 1 foreign and given up, 2 foreign and cut short; 0 of the present"}},
		{Name: "only of the present", History: `
6 r0 watch meta k/ end=k0 peer=a0 store=a0 rev=12 ask=0 id=4
`, Outcome: property.Unknown, Says: []string{"the history has no watch of an etcd from a revision"}},
	})
}
