package tracevalidation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/disturb"
)

// What a writer puts has a lease of its own, so a put with an older one tells of what
// the etcd had not applied in time, even where the present writer might have put the
// same: it has yet to list, and nobody deletes what it then does not know of.
func TestAPutWithAnOlderLeaseIsOfAnEarlierWriter(t *testing.T) {
	late := func(how disturb.Kind) func(*script) {
		return func(t *script) {
			t.grant("r0", "s0")
			t.fault(how)
			t.claim("web", "web2")
			t.down("writer", "r0")
			t.up("writer", "r0", "")
			t.release("web", "web2")
			t.put("r0", "s0", "web2")
			t.canary("r0", "s0")
			t.see("a0", "web2")
		}
	}
	v := told(t, late(disturb.EtcdLate))
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"stalled-request"}, needed(v))

	v = told(t, late(disturb.CacheBehind))
	require.NotEmpty(t, v.Unexplained)
	require.Contains(t, v.Unexplained[0].Sentence, `the etcd of r0 (store s0) gets "web2"`)
	require.Equal(t, Candidate{"a writer before the present one asked for it", "its lease, lease1, is older than the present writer"}, v.Unexplained[0].Candidates[0])
}

// A deletion has no lease. Where an etcd was stalled it may be the earlier writer's, as
// the put after it shows that it was.
func TestADeletionMayBeOfAnEarlierWriter(t *testing.T) {
	v := told(t, func(t *script) {
		t.grant("r0", "s0")
		t.fault(disturb.EtcdLate)
		t.fault(disturb.CacheBehind)
		t.release("web", "web")
		t.claim("web", "web2")
		t.down("writer", "r0")
		t.up("writer", "r0", "")
		t.expire("r0", "s0")
		t.drop("a0")
		t.put("r0", "s0", "web2")
		t.see("a0", "web2")
		t.canary("r0", "s0")
	})
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"stalled-request"}, needed(v))
}

// Nothing of the first writer's list need be there when the second one starts, its
// canary included.
func TestAnEtcdThatWasStalledFromTheStart(t *testing.T) {
	v := told(t, func(t *script) {
		t.up("etcd", "r1", "s1")
		t.up("writer", "r1", "")
		t.grant("r1", "s1")
		t.fault(disturb.EtcdLate)
		t.down("writer", "r1")
		t.release("web", "web")
		t.del("r0", "s0")
		t.drop("a0")
		t.up("writer", "r1", "")
		t.put("r1", "s1", "web")
		t.add("r1 put meta cilium/synced/c1/cilium/state/ip/v1 value=x owner=lease1 store=s1 rev=%d", t.n)
		t.canary("r1", "s1")
	})
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"stalled-request"}, needed(v))
}

// What a deviation put into an etcd stays there as any other key does of which the
// next writer does not know.
func TestAnOrphanOfADeviation(t *testing.T) {
	v := told(t, func(t *script) {
		t.claim("api", "api")
		t.put("r0", "s0", "api")
		t.see("a0", "api")
		t.down("writer", "r0")
		t.release("api", "api")
		t.release("web", "web")
		t.up("writer", "r0", "")
		t.canary("r0", "s0")
	})
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"other-claim-first"}, needed(v))
}

// An agent that gives a connection up in the middle of a list keeps what it had before,
// and one that stays connected keeps all.
func TestOnlyAPartOfAListIsDrained(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(*script)
		says string
	}{
		"it was listed in an earlier connection": {func(t *script) {
			t.identity()
			t.listed()
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r0", "s0")
			t.dropIdentity()
			t.disconnect("a0", "r0", "s0")
		}, `agent a0 drops the identity 7, of which it had "app=web"`},
		"the agent stays connected": {func(t *script) {
			t.identity()
			t.dropIdentity()
		}, `agent a0 drops the identity 7, of which it had "app=web"`},
		"it is an endpoint": {func(t *script) {
			t.drop("a0")
			t.down("agent", "a0")
		}, `agent a0 drops the endpoint 10.0.0.1, of which it had "web"`},
	} {
		t.Run(name, func(t *testing.T) {
			v := told(t, c.tell)
			require.NotEmpty(t, v.Unexplained)
			require.Contains(t, v.Unexplained[0].Sentence, c.says)
		})
	}
}
