package mechanism

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/sources"
	"github.com/meshcheck/meshcheck/checker/stores"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Of more writes than the bound, those that change no more than the order of a slice are explained, and others are not.
func TestOfAmplification(t *testing.T) {
	const (
		ab = `"namespace=ns1 endpoint=a,1,10.0.0.1 endpoint=b,2,10.0.0.2"`
		ba = `"namespace=ns1 endpoint=b,2,10.0.0.2 endpoint=a,1,10.0.0.1"`
		a  = `"namespace=ns1 endpoint=a,1,10.0.0.1"`
	)
	for _, c := range []struct {
		name, even, odd string
		want            string
	}{
		{"the same endpoints in another order", ab, ba, CauseAgain},
		{"an endpoint that comes and goes", ab, a, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString("0 world phase - start\n0 k0 up kube - inc=1\n1 k0 write CiliumEndpointSlice ces-1 value=" + c.odd + " op=create peer=o0 rv=1\n5 world phase - churn\n")
			for i := range 40 {
				fmt.Fprintf(&b, "20.%03d k0 write CiliumEndpointSlice ces-1 value=%s op=update peer=o0 rv=%d\n", i, []string{c.even, c.odd}[i%2], i+2)
			}
			b.WriteString("60 world phase - heal value=1m0s\n100 world phase - end value=settled\n")
			explained(t, load.Amplification, mode.ClusterMesh, b.String(), c.want)
		})
	}
}

// A client whose watches ended because a member had no leader dials anew: a fault that has made the connections of the
// members dead explains it, and no other.
func TestOfADeafEtcd(t *testing.T) {
	const (
		start = `
0 e0 up etcd - store=s inc=1
0 e1 up etcd - store=s inc=1
1 a0 up agent - inc=1
2 a0 net - dial peer=e0
2 a0 connect - - peer=e0 store=s
2 e0 watch node N peer=a0 store=s end=O id=1
`
		silent = "10 world fault black-hole e0 peer=e1 rev=1 op=connections-dead value=x\n10 world heal black-hole e0 peer=e1 rev=1 op=connections-dead value=x\n"
		slow   = "10 world fault slow-link e0 peer=e1 rev=1 op=slow value=x\n11 world heal slow-link e0 peer=e1 rev=1 op=slow value=x\n"
		ended  = "200 e0 unwatch node N value=\"etcdserver: no leader\" peer=a0 store=s id=1\n"
		gaveUp = "200 e0 unwatch node N value=client peer=a0 store=s id=1\n"
		again  = "210 a0 disconnect - - peer=e0 store=s value=close\n211 a0 net - dial peer=e0\n211 a0 connect - - peer=e0 store=s\n"
		end    = "990 world phase - end value=settled\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"the members' connections are dead", silent + ended + again, CauseDeaf},
		{"they are slow", slow + ended + again, ""},
		{"the client ended its watch", silent + gaveUp + again, ""},
	} {
		t.Run(c.name, func(t *testing.T) { explained(t, sources.Steady, mode.ClusterMesh, start+c.history+end, c.want) })
	}
}

// A member that joins an etcd of many entries lets nobody in until somebody writes: that explains one of which nobody has
// written to the etcd since 7 s after its start, and no other.
func TestOfAMemberThatRefusesItself(t *testing.T) {
	for _, c := range []struct {
		name    string
		rev     int
		written string // at
		want    string
	}{
		{"few entries", 5000, "16", ""},
		{"somebody writes", 5001, "19", ""},
		{"many entries, nobody writes", 5001, "16", CauseRefusesItself},
	} {
		t.Run(c.name, func(t *testing.T) {
			explained(t, stores.Members, mode.KVStore, fmt.Sprintf(`
0 e0 up etcd - store=s inc=1
0 e1 up etcd - store=s inc=1
1 e0 ready etcd - store=s inc=1
1 e1 ready etcd - store=s inc=1
5 e1 down etcd - store=s inc=1
10 e1 up etcd - store=s inc=2
%s e0 put node n value=1 store=s rev=%d
40 world phase - end value=settled
`, c.written, c.rev), c.want)
		})
	}
}

// explained checks what a history's violations of a property, of which there are some, are explained by.
func explained(t *testing.T, p property.Property, in mode.Base, text, want string) {
	t.Helper()
	records, err := history.Parse(text)
	require.NoError(t, err)
	of := &property.Input{Index: index.New(&history.History{Plan: fmt.Sprintf(`{"mode":%q}`, in), Records: records})}
	r := p.Check(of)
	require.NotEmpty(t, r.Violations, r.Evidence)
	for i := range r.Violations {
		v := &r.Violations[i]
		New(of).Explain(p.Name, v)
		if want == "" {
			require.Nil(t, v.Cause, v.Sentence())
			continue
		}
		require.NotNil(t, v.Cause, v.Sentence())
		require.Equal(t, want, v.Cause.Name())
	}
}
