package timeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

func of(t *testing.T, fragment string) *Timeline {
	records, err := history.Parse(fragment)
	require.NoError(t, err)
	return Of(index.New(&history.History{Records: records}))
}

func TestTimeline(t *testing.T) {
	l := of(t, `
0.0 world phase - start
1.0 r0 up etcd - store=s0 inc=1
1.0 a10 up agent - inc=1
1.0 a2 up agent - inc=1
2.0 a2 connect - - peer=r0 store=s0
3.0 a2 synced endpoint - value=synced
4.0 world fault partition r0 value="r0 and a2 are cut off" op=cut peer=a2 rev=1
5.0 a2 disconnect - - value=timeout peer=r0 store=s0
6.0 a2 connect - - peer=r0 store=s0
7.0 a2 down agent - inc=1
8.0 world heal partition r0 op=cut peer=a2 rev=1
9.0 world phase - end
`)
	require.Equal(t, []Host{{"r0", "etcd"}, {"a2", "agent"}, {"a10", "agent"}}, l.Hosts)
	require.Equal(t, 9*time.Second, l.End)
	const s = time.Second
	require.Equal(t, []Span{
		{What: Phase, Host: -1, Name: "start", From: 0, To: 9 * s, Record: 0},
		{What: Process, Host: 0, Name: "etcd", From: 1 * s, To: 9 * s, Record: 1, Note: "s0"},
		{What: Loading, Host: 2, Name: "loading", From: 1 * s, To: 9 * s, Record: 2},
		{What: Process, Host: 2, Name: "agent", From: 1 * s, To: 9 * s, Record: 2},
		{What: Loading, Host: 1, Name: "loading", From: 1 * s, To: 3 * s, Record: 3},
		{What: Process, Host: 1, Name: "agent", From: 1 * s, To: 7 * s, Record: 3},
		{What: Session, Host: 1, Name: "r0", From: 2 * s, To: 5 * s, Record: 4, Note: "s0", Number: 1},
		{What: Fault, Host: -1, Name: "partition", From: 4 * s, To: 8 * s, Record: 6, Note: "r0 and a2 are cut off", Number: 1, Hosts: []int{0, 1}},
		{What: Session, Host: 1, Name: "r0", From: 6 * s, To: 7 * s, Record: 8, Note: "s0", Number: 2},
		{What: Phase, Host: -1, Name: "end", From: 9 * s, To: 9 * s, Record: 11},
	}, l.Spans)
}

// Agents that read a kube-apiserver have no connections on record: their sessions are those
// in which their views learned something.
func TestSessionsOfKubeReaders(t *testing.T) {
	l := of(t, `
1.0 a0 up agent - inc=1
2.0 a0 see node n0 value=x op=list peer=k0 inc=1 source=crd session=1
3.0 a0 see node n0 value=y op=watch peer=k0 inc=1 source=crd session=1
4.0 a0 see node n0 value=z op=list peer=k1 inc=1 source=crd session=2
5.0 a0 down agent - inc=1
`)
	var sessions []Span
	for _, s := range l.Spans {
		if s.What == Session {
			sessions = append(sessions, s)
		}
	}
	const note = "from what the view learned"
	require.Equal(t, []Span{
		{What: Session, Name: "k0", From: 2 * time.Second, To: 4 * time.Second, Record: 1, Number: 1, Note: note},
		{What: Session, Name: "k1", From: 4 * time.Second, To: 5 * time.Second, Record: 3, Number: 2, Note: note},
	}, sessions)
}

// A history that never says that lists are complete does not say that they are not.
func TestNothingIsKnownOfLoading(t *testing.T) {
	for _, s := range of(t, "1.0 a0 up agent - inc=1\n2.0 a0 see node n0 value=x op=list inc=1 session=1\n").Spans {
		require.NotEqual(t, Loading, s.What)
	}
}

func TestSeries(t *testing.T) {
	l := of(t, `
0.0 k0 truth node n0 value=x op=put owner=CiliumNode/n0 rv=1
0.0 k0 truth node n1 value=x op=put owner=CiliumNode/n1 rv=2
1.0 a0 up agent - inc=1
2.0 a0 see node n0 value=x op=list inc=1 session=1
3.0 a0 synced node - value=synced
4.0 a0 see node n1 value=x op=watch inc=1 session=1
5.0 k0 truth node n0 value=y op=put owner=CiliumNode/n0 rv=3
5.0 k0 truth node n1 op=del owner=CiliumNode/n1 rv=4
6.0 a0 drop node n1 op=watch inc=1 session=1
7.0 a0 see node n0 value=never op=watch inc=1 session=1
8.0 a0 see node n0 value=y op=watch inc=1 session=1
9.0 a0 down agent - inc=1
`)
	s := l.Series[l.Host("a0")]
	type point struct {
		at    int
		wrong int32
	}
	var got []point
	for i := range s.At {
		got = append(got, point{int(s.At[i] / time.Second), s.Wrong[i]})
	}
	// Until its lists are complete, and when it is down, there is nothing to compare.
	require.Equal(t, []point{{0, -1}, {3, 1}, {4, 0}, {5, 2}, {6, 1}, {8, 0}, {9, -1}}, got)
	require.Empty(t, l.Series[l.Host("k0")].At)
}
