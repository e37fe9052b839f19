package tracevalidation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// away has an agent read CRDs, of which something is true that its etcd is told of meanwhile.
func away(t *script) {
	t.disconnect("a0", "r0", "s0")
	t.reads("fall-back")
	t.reads("listed")
	t.claim("web", "web2")
	t.see("a0", "web2")
	t.put("r0", "s0", "web2")
}

func TestAWatchGoesOnWhereItWas(t *testing.T) {
	for name, c := range map[string]struct {
		tell      func(*script)
		says, why string
		needed    []string
	}{
		"it shows what its etcd had": {tell: func(t *script) {
			away(t)
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.see("a0", "web")
			t.see("a0", "web2")
		}, needed: []string{"goes-on-where-it-was"}},
		"it does not show what its etcd had not": {tell: func(t *script) {
			t.release("web", "web")
			t.del("r0", "s0")
			t.drop("a0")
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.reads("listed")
			t.claim("web", "web2")
			t.see("a0", "web2")
			t.put("r0", "s0", "web2")
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.drop("a0")
			t.see("a0", "web2")
		}, needed: []string{"goes-on-where-it-was"}},
		"it has been told before": {tell: func(t *script) {
			away(t)
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.see("a0", "web")
			t.see("a0", "web2")
			t.see("a0", "web")
		}, says: `agent a0 takes over "web"`, why: "it needs an etcd that the agent read before CRDs, and reads again"},
		"what it had let go before it left": {tell: func(t *script) {
			t.claim("web", "web3")
			t.put("r0", "s0", "web3")
			t.see("a0", "web3")
			away(t)
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.see("a0", "web")
		}, says: `agent a0 takes over "web"`, why: "it needs an etcd that the agent read before CRDs, and reads again"},
		"another etcd is listed": {tell: func(t *script) {
			t.release("web", "web")
			t.del("r0", "s0")
			t.drop("a0")
			t.replica("r1", "s1", "")
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.reads("listed")
			t.claim("web", "web2")
			t.see("a0", "web2")
			t.put("r1", "s1", "web2")
			t.connect("a0", "r1", "s1")
			t.reads("goes-over")
			t.drop("a0")
		}, says: `agent a0 drops the endpoint 10.0.0.1`, why: "it was never gone"},
		"it is not told of what came": {tell: func(t *script) {
			away(t)
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.see("a0", "web")
		}, says: `the run ends, and agent a0 still has "web"`, why: "it must happen sooner or later, and has not"},
	} {
		t.Run(name, func(t *testing.T) {
			v := in(t, mode.Handover, func(t *script) {
				t.handsOver()
				c.tell(t)
			})
			requireVerdict(t, v, c.says, c.why)
			if c.says == "" {
				require.Equal(t, c.needed, needed(v))
			}
		})
	}
}

// What only CRDs show, since a namespace is hidden from all others, they show as long as it is there.
func TestHiddenUntilTheEnd(t *testing.T) {
	tell := func(then ...string) *Verdict {
		return in(t, mode.Handover, func(t *script) {
			t.handsOver()
			t.add("k0 write Namespace ns value=hidden=true op=update rv=%d", t.n)
			t.add(`k0 write CiliumEndpoint ns/other value="identity=7 ips=10.0.0.9" op=create rv=%d`, t.n)
			t.down("etcd", "r0")
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.reads("listed")
			t.add(`a0 see endpoint 10.0.0.9 value="id=7 pod=ns/other" inc=1`)
			for _, record := range then {
				t.add("%s rv=%d", record, t.n)
			}
		})
	}
	v := tell()
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"shown-by-crds"}, needed(v))
	for _, then := range []string{
		"k0 write CiliumEndpoint ns/other op=delete",
		`k0 write CiliumEndpoint ns/other value="identity=8 ips=10.0.0.9" op=update`,
		`k0 write CiliumEndpoint ns/other value="identity=7 ips=10.0.0.8" op=update`,
		"k0 write Namespace ns value=labels=a=x op=update",
		"k0 write Namespace ns op=delete",
	} {
		requireVerdict(t, tell(then), "the run ends, and agent a0 still has", "it must happen sooner or later, and has not")
	}
}

// A pod whose new address comes in another slice than the old one: Cilium knows the pod by its name.
func TestAPodInAnotherSlice(t *testing.T) {
	tell := func(slice, pod string) *Verdict {
		return in(t, mode.CRD, func(t *script) {
			const put = `k0 truth endpoint %s value="id=7 pod=ns/%s" op=put owner=CiliumEndpointSlice/%s rv=%d`
			t.add(put, "10.0.0.1", "web", "s1", t.n)
			t.up("agent", "a0", "")
			t.add(`a0 see endpoint 10.0.0.1 value="id=7 pod=ns/web" inc=1`)
			t.add(put, "10.0.0.2", pod, slice, t.n)
			t.add(`a0 see endpoint 10.0.0.2 value="id=7 pod=ns/%s" inc=1`, pod)
			t.drop("a0")
			t.add(`k0 truth endpoint 10.0.0.1 value="id=7 pod=ns/web" op=del owner=CiliumEndpointSlice/s1 rv=%d`, t.n)
		})
	}
	v := tell("s2", "web")
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"in-another-slice"}, needed(v))
	const why = "it needs another slice that had the pod, and not with this address"
	requireVerdict(t, tell("s1", "web"), "agent a0 drops the endpoint 10.0.0.1", why)
	requireVerdict(t, tell("s2", "api"), "agent a0 drops the endpoint 10.0.0.1", why)
}

// An agent that is told another ID of the cluster drops what it had of it, and takes no endpoint of the old ID.
func TestAnotherClusterID(t *testing.T) {
	config := func(t *script, host, store, id string) {
		t.add(`%s put meta cilium/cluster-config/c1 value="{\"id\":%s}" store=%s rev=%d`, host, id, store, t.n)
	}
	tell := func(how disturb.Kind, id string, then func(*script)) *Verdict {
		return told(t, func(t *script) {
			config(t, "r0", "s0", "1")
			t.fault(how)
			t.replica("r1", "s1", "web")
			config(t, "r1", "s1", id)
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r1", "s1")
			t.drop("a0")
			then(t)
		})
	}
	back := func(t *script) {
		t.disconnect("a0", "r1", "s1")
		t.connect("a0", "r0", "s0")
		t.see("a0", "web")
	}
	v := tell(disturb.ConfigWrong, "223", back)
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"cluster-id-changes"}, needed(v))
	const says, why = "agent a0 drops the endpoint 10.0.0.1", "it needs a fault that starts a writer with another cluster ID"
	requireVerdict(t, tell(disturb.ConfigWrong, "1", back), says, why)
	requireVerdict(t, tell(disturb.EtcdLate, "223", back), says, why)
	requireVerdict(t, tell(disturb.ConfigWrong, "223", func(t *script) {
		t.disconnect("a0", "r1", "s1")
		t.connect("a0", "r0", "s0")
	}), "the run ends, and agent a0 still has nothing", "it must happen sooner or later, and has not")
}
