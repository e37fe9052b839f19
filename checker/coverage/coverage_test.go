package coverage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

var kindsOfFaults = []string{"partition", "partition-group", "partition-ring", "pause", "writer-pause", "etcd-compaction", "reset"}

// reached counts the coverage marks of a fragment of a history, by name.
func reached(t *testing.T, fragment string) map[string]int {
	t.Helper()
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	c := New(kindsOfFaults)
	counts := map[string]int{}
	for i, n := range c.Count(index.New(&history.History{Records: records})) {
		if n > 0 {
			counts[c.Marks()[i].Name] = n
		}
	}
	return counts
}

// A story is a fragment that reaches a coverage mark once, and one, as close as can be,
// that does not reach it.
type story struct{ reaches, misses string }

// Parts of stories: a filled store, a filling one, and agents that know them.
const (
	full = `
0 world phase - start
0 k0 up kube - inc=1
0 k1 up kube - inc=1
0 r0 up etcd - store=s0 inc=1
0 r0 up writer - inc=1
0 r1 up etcd - store=s1 inc=1
0 r1 up writer - inc=1
0 k0 truth endpoint 10.0.0.9 value=nine op=put owner=CiliumEndpoint/ns/nine rv=4
0 r0 put endpoint cilium/state/ip/v1/default/10.0.0.9 value=nine store=s0 rev=2
0 r0 put meta cilium/synced/c1/cilium/state/identities/v1 store=s0 rev=3
0 r0 put meta cilium/synced/c1/cilium/state/ip/v1 store=s0 rev=4
0 r0 put meta cilium/synced/c1/cilium/state/nodes/v1 store=s0 rev=5
0 r0 ready - -
1 world phase - churn
`
	second = `
2 r1 put endpoint cilium/state/ip/v1/default/10.0.0.9 value=nine store=s1 rev=2
2 r1 put meta cilium/synced/c1/cilium/state/identities/v1 store=s1 rev=3
2 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4
2 r1 put meta cilium/synced/c1/cilium/state/nodes/v1 store=s1 rev=5
2 r1 ready - -
`
	agents = `
3 a0 up agent - inc=1
3 a1 up agent - inc=1
`
	connected = agents + `
3 a0 connect - - peer=r0 store=s0
3 a0 synced endpoint - value=synced inc=1
`
	listed = `
3 r0 call meta cilium/state/identities/v1/id op=range end=x peer=a0 store=s0 rev=5
3 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=5
3 r0 call meta cilium/state/nodes/v1/c1/ op=range end=x peer=a0 store=s0 rev=5
`
	lost      = "4 a0 disconnect - - peer=r0 store=s0 value=reset\n"
	toSecond  = "5 a0 connect - - peer=r1 store=s1\n"
	ip        = "1.5 k0 truth endpoint 10.0.0.1 value=one op=put owner=CiliumEndpoint/ns/one rv=5\n"
	ipGone    = "6 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/one rv=6\n"
	inView    = "3.5 a0 see endpoint 10.0.0.1 value=one peer=r0 store=s0 inc=1\n"
	ipOfOther = "6.5 k0 truth endpoint 10.0.0.1 value=two op=put owner=CiliumEndpoint/ns/two rv=7\n"
	cutOff    = "4 world fault partition-group k0,k1 value=x op=cut rev=1\n"
	cutOne    = "4 world fault partition r1 peer=k0 value=x op=cut rev=1\n"
)

func tell(t *testing.T, stories map[string]story) {
	t.Helper()
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, reached(t, s.reaches)[name], "times reached")
			require.NotContains(t, reached(t, s.misses), name)
		})
		delete(untold, name)
	}
}

// untold are the coverage marks that no story has been told of yet.
var untold = func() map[string]bool {
	names := map[string]bool{}
	for _, m := range New(kindsOfFaults).marks {
		names[m.Name] = true
	}
	return names
}()

func TestMarks(t *testing.T) {
	names := map[string]bool{}
	marks := New(kindsOfFaults).Marks()
	for _, m := range marks {
		require.False(t, names[m.Name], m.Name)
		names[m.Name] = true
		require.NotEmpty(t, m.Sentence)
		require.False(t, strings.HasSuffix(m.Sentence, "."), m.Sentence)
		require.NotEmpty(t, m.verbs, m.Name)
		require.NotEqual(t, m.before == nil, m.after == nil, "%s has one predicate", m.Name)
	}
	require.GreaterOrEqual(t, len(marks)-2*len(kindsOfFaults), 40)
}

// The order of coverage marks is that of counts, and does not change from call to call.
func TestOrderIsFixed(t *testing.T) {
	first, again := New(kindsOfFaults).Marks(), New(kindsOfFaults).Marks()
	for i := range first {
		require.Equal(t, first[i].Name, again[i].Name)
	}
}

func TestNothingIsReachedByNothing(t *testing.T) {
	require.Empty(t, reached(t, ""))
	require.Empty(t, reached(t, full))
	require.Empty(t, reached(t, full+"2 r0 call meta x op=range end=y peer=a0 store=s0 rev=5\n"))
}

// Real histories are counted twice alike.
func TestCountIsDeterministic(t *testing.T) {
	files, err := filepath.Glob("../../testdata/histories/*.history")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	c := New(kindsOfFaults)
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		h, err := history.Read(f)
		require.NoError(t, err)
		x := index.New(h)
		require.Equal(t, c.Count(x), c.Count(x), file)
	}
}

// BenchmarkCount measures the time per record, which must not grow with the
// length of the history.
func BenchmarkCount(b *testing.B) {
	for _, length := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			var text strings.Builder
			text.WriteString(full + second + connected + listed)
			for i := range length / 4 {
				at := 10 + i
				fmt.Fprintf(&text, "%d k0 truth endpoint 10.0.%d.1 value=v%d op=put owner=CiliumEndpoint/ns/p%d rv=%d\n", at, i%200, i, i%200, i+10)
				fmt.Fprintf(&text, "%d r0 put endpoint cilium/state/ip/v1/default/10.0.%d.1 value=v%d store=s0 rev=%d\n", at, i%200, i, i+10)
				fmt.Fprintf(&text, "%d a0 see endpoint 10.0.%d.1 value=v%d peer=r0 store=s0 inc=1\n", at, i%200, i)
				fmt.Fprintf(&text, "%d a0 program endpoint 10.0.%d.1 value=v%d\n", at, i%200, i)
			}
			records, err := history.Parse(text.String())
			require.NoError(b, err)
			x, c := index.New(&history.History{Records: records}), New(kindsOfFaults)
			for b.Loop() {
				c.Count(x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(records)), "ns/record")
		})
	}
}
