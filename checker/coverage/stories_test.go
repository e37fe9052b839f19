package coverage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStories(t *testing.T) {
	t.Run("failover", func(t *testing.T) { tell(t, failoverStories) })
	t.Run("replica", func(t *testing.T) { tell(t, replicaStories) })
	t.Run("store", func(t *testing.T) { tell(t, storeStories) })
	t.Run("agent", func(t *testing.T) { tell(t, agentStories) })
	t.Run("truth", func(t *testing.T) { tell(t, truthStories) })
	t.Run("away", func(t *testing.T) { tell(t, awayStories) })
	t.Run("kube", func(t *testing.T) { tell(t, kubeStories) })
	t.Run("fault", func(t *testing.T) { tell(t, faultStories) })
	require.Empty(t, untold, "each mark needs a story")
}

var failoverStories = map[string]story{
	"failover": {
		full + second + connected + lost + toSecond,
		full + second + agents + toSecond,
	},
	"failover-to-filling-store": {
		full + connected + lost + toSecond,
		full + second + connected + lost + toSecond,
	},
	"failover-to-restarted-writer": {
		full + second + connected + "4 r1 down writer - inc=1\n4 r1 up writer - inc=2\n" + toSecond,
		full + second + connected + "4 r1 down writer - inc=1\n" + toSecond,
	},
	"failover-without-writer": {
		full + second + connected + "4 r1 down writer - inc=1\n" + toSecond,
		full + second + connected + "4 r1 down writer - inc=1\n4 r1 up writer - inc=2\n" + toSecond,
	},
	"failover-to-cut-off-replica": {
		full + second + connected + cutOff + toSecond,
		full + second + connected + cutOne + toSecond,
	},
	"failover-to-frozen-writer": {
		full + second + connected + "4 world fault writer-pause r1 value=x op=writer-frozen rev=1\n" + toSecond,
		full + second + connected + "4 world fault writer-pause r0 value=x op=writer-frozen rev=1\n" + toSecond,
	},
	"failover-to-smaller-store": {
		full + connected + inView + toSecond,
		full + second + connected + inView + toSecond,
	},
	"failover-back": {
		full + second + connected + lost + toSecond + "6 a0 connect - - peer=r0 store=s0\n",
		full + second + connected + lost + toSecond + "6 a0 connect - - peer=r1 store=s1\n",
	},
	"failover-to-new-replica": {
		full + connected + "4 r2 up etcd - store=s2 inc=1\n5 a0 connect - - peer=r2 store=s2\n",
		full + connected + "4 r1 up etcd - store=s2 inc=2\n5 a0 connect - - peer=r1 store=s2\n",
	},
	"reconnect-rebuilt": {
		full + connected + lost + "5 a0 connect - - peer=r0 store=s9\n",
		full + connected + lost + "5 a0 connect - - peer=r0 store=s0\n",
	},
	"reconnect-same-store": {
		full + connected + lost + "5 a0 connect - - peer=r0 store=s0\n",
		full + connected + "5 a0 connect - - peer=r0 store=s0\n",
	},
	"reconnect-late": {
		full + connected + lost + "64.1 a0 connect - - peer=r0 store=s0\n",
		full + connected + lost + "64 a0 connect - - peer=r0 store=s0\n",
	},
	"two-replicas-at-once": {
		full + second + connected + toSecond,
		full + second + connected + lost + toSecond,
	},
	"all-agents-on-one-replica": {
		full + second + connected + "4 a1 connect - - peer=r0 store=s0\n",
		full + second + connected + "4 a1 connect - - peer=r1 store=s1\n",
	},
	"dead-replica-noticed-late": {
		full + connected + "4 r0 down etcd - store=s0 inc=1\n14.1 a0 disconnect - - peer=r0 store=s0 value=timeout\n",
		full + connected + "4 r0 down etcd - store=s0 inc=1\n14 a0 disconnect - - peer=r0 store=s0 value=timeout\n",
	},
	"connection-timed-out": {
		full + connected + "4 a0 disconnect - - peer=r0 store=s0 value=timeout\n",
		full + connected + lost,
	},
	"connection-lost-before-lists": {
		full + connected + lost,
		full + connected + listed + lost,
	},
}

var replicaStories = map[string]story{
	"ready-cut-off": {full + cutOff, full + cutOne},
	"ready-before-synced": {
		full + "2 r1 ready - -\n",
		full + second,
	},
	"no-replica-ready": {
		full + "2 r0 unready - -\n",
		full + second + "2 r0 unready - -\n",
	},
	"all-etcds-down": {
		full + "2 r0 down etcd - store=s0 inc=1\n2 r1 down etcd - store=s1 inc=1\n",
		full + "2 r0 down etcd - store=s0 inc=1\n2 r1 down writer - inc=1\n",
	},
	"replica-added": {
		full + "2 r2 up etcd - store=s2 inc=1\n",
		full + "2 r1 down etcd - store=s1 inc=1\n2 r1 up etcd - store=s2 inc=2\n",
	},
	"rebuilt-empty": {
		full + "2 r0 up etcd - store=s9 inc=2\n",
		full + "2 r0 up etcd - store=s0 inc=2\n",
	},
	"etcd-emptied-under-writer": {
		full + "2 r0 up etcd - store=s9 inc=2\n",
		full + "2 r0 down writer - inc=1\n2 r0 up etcd - store=s9 inc=2\n",
	},
	"etcd-back-with-data": {
		full + "2 r0 up etcd - store=s0 inc=2\n",
		full + "2 r0 up etcd - store=s9 inc=2\n",
	},
	"writer-onto-full-store": {
		full + "2 r0 down writer - inc=1\n3 r0 up writer - inc=2\n",
		full + "2 r1 down writer - inc=1\n3 r1 up writer - inc=2\n",
	},
	"writer-onto-part-of-store": {
		full + "2 r1 put identity cilium/state/identities/v1/id/7 value=x store=s1 rev=2\n2 r1 down writer - inc=1\n3 r1 up writer - inc=2\n",
		full + "2 r1 down writer - inc=1\n3 r1 up writer - inc=2\n",
	},
	"writer-missed-deletion": {
		full + ip + "2 r0 down writer - inc=1\n" + ipGone + "7 r0 up writer - inc=2\n",
		full + ip + "2 r0 down writer - inc=1\n7 r0 up writer - inc=2\n" + "7 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/one rv=6\n",
	},
	"first-sync-interrupted-by-writer": {
		full + "2 r1 put identity cilium/state/identities/v1/id/7 value=x store=s1 rev=2\n2 r1 down writer - inc=1\n",
		full + "2 r0 put identity cilium/state/identities/v1/id/7 value=x store=s0 rev=2\n2 r0 down writer - inc=1\n",
	},
	"first-sync-interrupted-by-etcd": {
		full + "2 r1 put identity cilium/state/identities/v1/id/7 value=x store=s1 rev=2\n2 r1 down etcd - store=s1 inc=1\n",
		full + "2 r0 down etcd - store=s0 inc=1\n",
	},
	"canary-under-fault": {
		full + "2 world fault reset a0 peer=r0 value=x op=connections-reset rev=1\n2 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4\n",
		full + "2 world fault reset a0 peer=r0 value=x op=connections-reset rev=1\n2 world heal reset a0 peer=r0 value=x rev=1\n2 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4\n",
	},
	"canary-cut-off": {
		full + cutOff + "5 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4\n",
		full + cutOne + "5 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4\n",
	},
	"canary-before-entries": {
		full + ip + "2 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=4\n",
		full + ip + "2 r1 put meta cilium/synced/c1/cilium/state/nodes/v1 store=s1 rev=4\n",
	},
	"canary-with-extra-entries": {
		full + second + "3 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=one store=s1 rev=6\n3 r1 put meta cilium/synced/c1/cilium/state/ip/v1 store=s1 rev=7\n",
		full + ip + second + "3 r1 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=one store=s1 rev=6\n3 r1 put meta cilium/synced/c1/cilium/state/nodes/v1 store=s1 rev=7\n",
	},
	"two-replicas-filling": {
		full + "2 r0 up etcd - store=s9 inc=2\n",
		full + second + "2 r0 up etcd - store=s9 inc=2\n",
	},
}
