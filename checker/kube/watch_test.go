package kube

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property/propertytest"

	"github.com/meshcheck/meshcheck/checker/property"
)

// cluster is a cluster with the pods ns1/a, which is changed and deleted, and ns1/b and
// ns2/c, which come later.
func cluster(lines string) string {
	return `
0 k0 write Pod ns1/a op=create rv=2
0 k0 write Pod ns1/b op=create rv=3
1 k0 write Pod ns1/a op=update rv=4 peer=w0
1 k0 write Pod ns2/c op=create rv=5 peer=w0
1 k0 write Node n0 op=create rv=6 peer=w0
2 k0 write Pod ns1/a op=delete rv=7 peer=w0
` + lines
}

func TestKubeWatch(t *testing.T) {
	propertytest.Tell(t, Watch, []propertytest.Story{
		{Name: "from a version, and of the state", History: cluster(`
3 k0 watch Pod - peer=r0 ask=3 id=1
3 k0 event Pod - peer=r0 id=1 value="MODIFIED:ns1/a:4 ADDED:ns2/c:5"
3 k0 event Pod - peer=r0 id=1 value="DELETED:ns1/a:7 BOOKMARK:7"
3 k0 watch Pod ns1 peer=r0 ask=initial:5 id=2
3 k0 event Pod ns1 peer=r0 id=2 value="ADDED:ns1/a:4 ADDED:ns1/b:3 INITIAL:5"
3 k0 event Pod ns1 peer=r0 id=2 value=DELETED:ns1/a:7
3 k0 watch Pod - peer=r0 ask=0 id=3
3 k0 event Pod - peer=r0 id=3 value="ADDED:ns1/b:3 ADDED:ns2/c:5"
4 k0 unwatch Pod - peer=r0 id=3 value=timeout
`), Outcome: property.Pass, Says: []string{"10 events in 3 watches, of them 2 complete and 1 initial states, and 0 reads"}},
		{Name: "with a selector: what does not match is missing, what stops matching is deleted", History: cluster(`
3 k0 watch Pod - peer=r0 ask=initial: end=labels=x id=1
3 k0 event Pod - peer=r0 id=1 value="ADDED:ns1/a:2 INITIAL:3"
3 k0 event Pod - peer=r0 id=1 value="DELETED:ns1/a:4"
3 k0 event Pod - peer=r0 id=1 value="ERROR:410"
`), Outcome: property.Pass, Says: []string{"4 events in 1 watch, of them 0 complete and 1 initial states, and 0 reads"}},
		{Name: "out of order, again, and with the wrong type", History: cluster(`
3 k0 watch Pod - peer=r0 ask=3 id=1
3 k0 event Pod - peer=r0 id=1 value="MODIFIED:ns1/a:4 ADDED:ns2/c:5 MODIFIED:ns1/a:4 DELETED:ns1/a:7"
3 k0 watch Pod - peer=r0 ask=3 id=2
3 k0 event Pod - peer=r0 id=2 value="ADDED:ns1/a:4 ADDED:ns2/c:5"
`), Outcome: property.Fail, Says: []string{
			`k0: order: the watch of r0 on Pod (asked for "3") got MODIFIED of ns1/a at rv 4 after rv 5, at 3.000s`,
			`k0: type: the watch of r0 on Pod (asked for "3") got ADDED of ns1/a at rv 4, which was update, at 3.000s`}},
		{Name: "gaps", History: cluster(`
3 k0 watch Pod - peer=r0 ask=3 id=1
3 k0 event Pod - peer=r0 id=1 value="MODIFIED:ns1/a:4 DELETED:ns1/a:7"
3 k0 watch Pod - peer=r0 ask=3 id=2
3 k0 event Pod - peer=r0 id=2 value="BOOKMARK:6"
3 k0 event Pod - peer=r0 id=2 value="MODIFIED:ns1/a:4"
`), Outcome: property.Fail, Says: []string{
			`k0: gap: the watch of r0 on Pod (asked for "3") lacks the create of ns2/c at rv 5, at 3.000s`,
			`k0: gap: the watch of r0 on Pod (asked for "3") lacks the update of ns1/a at rv 4 and 1 more, at 3.000s`,
			`k0: bookmark: the watch of r0 on Pod (asked for "3") got MODIFIED of ns1/a at rv 4 after the bookmark of rv 6, at 3.000s`}},
		{Name: "an initial state of another version, an older one, an incomplete one", History: cluster(`
3 k0 watch Pod - peer=r0 ask=initial: id=1
3 k0 event Pod - peer=r0 id=1 value="ADDED:ns1/a:2 ADDED:ns1/b:3 INITIAL:4"
3 k0 watch Pod - peer=r0 ask=initial:4 id=2
3 k0 event Pod - peer=r0 id=2 value="ADDED:ns1/a:2 ADDED:ns1/b:3 INITIAL:3"
3 k0 watch Pod - peer=r0 ask=initial: id=3
3 k0 event Pod - peer=r0 id=3 value="ADDED:ns1/a:4 INITIAL:4"
3 k0 event Pod - peer=r0 id=3 value="INITIAL:4 BOOKMARK:3"
`), Outcome: property.Fail, Says: []string{
			`k0: initial: the watch of r0 on Pod (asked for "initial:") began at rv 4 with ns1/a at rv 2, which was at rv 4 then, at 3.000s`,
			`k0: freshness: the watch of r0 on Pod (asked for "initial:4") began at rv 3, at 3.000s`,
			`k0: initial: the watch of r0 on Pod (asked for "initial:") began at rv 4 with ns1/b missing, which was at rv 3 then, at 3.000s`,
			`k0: bookmark: the watch of r0 on Pod (asked for "initial:") got a bookmark of rv 3 after rv 4, at 3.000s`}},
		{Name: "what never was, and more after an error", History: cluster(`
3 k0 watch Pod ns1 peer=r0 ask=4 id=1
3 k0 event Pod ns1 peer=r0 id=1 value="ADDED:ns2/c:5"
3 k0 event Pod ns1 peer=r0 id=1 value="ERROR:410 DELETED:ns1/a:7"
`), Outcome: property.Fail, Says: []string{
			`k0: content: the watch of r0 on Pod of ns1 (asked for "4") got ADDED of ns2/c at rv 5, which was never written, at 3.000s`,
			`k0: end: the watch of r0 on Pod of ns1 (asked for "4") got DELETED ns1/a after an error, at 3.000s`}},
		{Name: "reads", History: cluster(`
3 k0 request Pod - op=list peer=r0 ask=0 rv=4 value="ns1/a:4 ns1/b:3" from=3
3 k0 request Pod ns2 op=list peer=r0 ask=5 rv=6 value=ns2/c:5 from=3
3 k0 request Pod - op=list peer=r0 ask==5 rv=5 value=ns1/a:4 more=true from=3
3 k0 request Pod - op=list peer=r0 ask=continue rv=5 value="ns1/b:3 ns2/c:5" from=3
3 k0 request Pod ns1/a op=get peer=r0 ask=3 rv=4 from=3
3 k0 request Pod ns1/a op=get peer=r0 ask=0 value=none from=3
3 k0 request Pod - op=list peer=r0 ask=0 end=labels=x rv=4 value=ns1/b:3 from=3
`), Outcome: property.Pass, Says: []string{"0 events in 0 watches, of them 0 complete and 0 initial states, and 7 reads"}},
		{Name: "reads of what was not so", History: cluster(`
3 k0 request Pod - op=list peer=r0 ask=0 rv=4 value="ns1/a:2 ns1/b:3" from=3
3 k0 request Pod - op=list peer=r0 ask=6 rv=5 value="ns1/a:4 ns1/b:3 ns2/c:5" from=3
3 k0 request Pod - op=list peer=r0 ask==5 rv=6 value="ns1/a:4 ns1/b:3 ns2/c:5" from=3
3 k0 request Pod - op=list peer=r0 ask=0 rv=5 value="ns1/a:4 ns2/c:5" from=3
3 k0 request Pod - op=list peer=r0 ask==5 rv=5 value=ns2/c:5 more=true from=3
3 k0 request Pod ns1/a op=get peer=r0 ask=4 rv=2 from=3
3 k0 request Pod ns1/a op=get peer=r0 ask=4 rv=7 from=3
`), Outcome: property.Fail, Says: []string{
			`k0: the list of Pod by r0 (asked for "0") of rv 4 holds ns1/a of rv 2, which was at rv 4 then, at 3.000s`,
			`k0: the list of Pod by r0 (asked for "6") is of rv 5 at 3.000s`,
			`k0: the list of Pod by r0 (asked for "=5") is of rv 6 at 3.000s`,
			`k0: the list of Pod by r0 (asked for "0") of rv 5 lacks ns1/b of rv 3 at 3.000s`,
			`k0: the list of Pod by r0 (asked for "=5") of rv 5 lacks ns1/a of rv 4 at 3.000s`,
			`k0: the get of Pod by r0 (asked for "4") holds ns1/a of rv 2, which was changed at rv 4, at 3.000s`,
			`k0: the get of Pod by r0 (asked for "4") holds ns1/a of rv 7, which was never written, at 3.000s`}},
		{Name: "nothing", History: cluster(""), Outcome: property.Unknown, Says: []string{"the history has no watch of a kube-apiserver"}},
	})
}

func TestKubeLinearizable(t *testing.T) {
	propertytest.Tell(t, Linearizable, []propertytest.Story{
		{Name: "writes and reads of each kind", History: `
0 k0 write Pod ns1/a op=create rv=2
1 k0 request Pod ns1/a op=get peer=a0 rv=2 from=1
1 k0 request Pod ns1/b op=get peer=a0 value=none err="404 NotFound" from=1
2 k0 write Pod ns1/b op=create rv=3 peer=a0
2 k0 request Pod ns1/b op=create peer=a0 rv=3 from=1
2 k0 request Pod ns1/b op=create peer=a1 err="409 AlreadyExists" from=2
3 k0 request Pod - op=list peer=a1 rv=3 value="ns1/a:2 ns1/b:3" from=3
3 k0 request Pod ns2 op=list peer=a1 rv=3 from=3
4 k0 write Pod ns1/a op=update rv=4 peer=a0
4 k0 request Pod ns1/a op=patch peer=a0 rv=4 from=4
4 k0 request Pod ns1/a op=update peer=a1 err="409 Conflict" from=4
5 k0 request Pod ns1/a op=update peer=a0 rv=4 from=5
6 k0 write Pod ns1/a op=delete rv=5 peer=a0
6 k0 request Pod ns1/a op=delete peer=a0 rv=5 from=6
7 k0 request Pod ns1/a op=delete peer=a0 err="404 NotFound" from=7
8 k0 write Pod ns1/b op=delete rv=6 peer=w0
8 k0 request Pod ns1 op=deletecollection peer=w0 from=8
9 k0 request Pod ns1/a op=create peer=w0 err="422 Invalid" from=9
9 k0 request Pod - op=list peer=w0 rv=6 from=9
`, Outcome: property.Pass, Says: []string{"15 operations on 2 objects from 14 requests and 5 writes, at most 2 of an object at once"}},
		{Name: "a write that was cut may come later or never", History: `
1 k0 request Pod ns1/a op=create peer=w0 err=cut from=1
2 k0 request Pod ns1/a op=get peer=w0 value=none from=2
3 k0 request Pod ns1/b op=create peer=w0 err="503 ServiceUnavailable" from=3
4 k0 write Pod ns1/c op=create peer=w0 rv=2
5 k0 request Pod ns1/c op=create peer=w0 err=cut from=4
6 k0 request Pod ns1/c op=get peer=w0 rv=2 from=6
7 k0 request Pod ns1/b op=get peer=w0 value=none from=7
`, Outcome: property.Pass, Says: []string{"4 operations on 3 objects from 6 requests and 1 write, at most 2 of an object at once"}},
		{Name: "a stale get", History: `
1 k0 write Pod ns1/a op=create rv=2
2 k0 write Pod ns1/a op=update rv=3 peer=w0
2 k0 request Pod ns1/a op=update peer=w0 rv=3 from=2
3 k1 request Pod ns1/a op=get peer=a0 rv=2 from=3
`, Outcome: property.Fail, Says: []string{"k1: no order of the operations on Pod ns1/a explains get -> rv 2 of a0 at 3.000s; the longest order that can be found ends with update -> rv 3 of w0 at 2.000s"}},
		{Name: "a list that lacks what was acknowledged", History: `
1 k0 write Pod ns1/a op=create rv=2 peer=w0
1 k0 request Pod ns1/a op=create rv=2 peer=w0 from=1
2 k0 request Pod - op=list peer=a0 rv=2 from=2
`, Outcome: property.Fail, Says: []string{"k0: no order of the operations on Pod ns1/a explains get -> nothing, in a list of rv 2 of a0 at 2.000s; the longest order that can be found ends with create -> rv 2 of w0 at 1.000s"}},
		{Name: "versions that go back, and a write that was never committed", History: `
1 k0 write Pod ns1/a op=create rv=3
2 k0 write Pod ns1/b op=create rv=2
3 k0 request Pod ns1/a op=update rv=4 peer=w0 from=3
`, Outcome: property.Fail, Says: []string{
			"k0: create of Pod ns1/b has rv 2, after rv 3 at 2.000s",
			"k0: update of Pod ns1/a by w0 was acknowledged with rv 4, but never committed, at 3.000s"}},
		{Name: "no requests", History: `
1 k0 write Pod ns1/a op=create rv=3
`, Outcome: property.Unknown, Says: []string{"the history has no request to a kube-apiserver"}},
	})
}
