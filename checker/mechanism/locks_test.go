package mechanism

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/pods"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// A pod without an identity is explained by a lock that its holder was never told it has, and not by one that
// somebody got an answer for, that is gone, that waits behind another, or that is of other labels.
func TestOfLockKept(t *testing.T) {
	const (
		labels = "k8s:app=web;k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=ns;k8s:io.cilium.k8s.policy.cluster=c1;" +
			"k8s:io.cilium.k8s.policy.serviceaccount=default;k8s:io.kubernetes.pod.namespace=ns;/"
		lock  = "cilium/state/identities/v1/locks/" + labels
		start = "0 world phase - start\n0 k0 up kube - inc=1\n0 e0 up etcd - store=s inc=1\n" +
			"0 k0 write Namespace ns value=labels=kubernetes.io/metadata.name=ns op=create rv=2\n"
		vain   = "20 e0 call meta " + lock + "a1 op=put peer=a1 store=s from=13 err=\"context deadline exceeded\"\n"
		other  = "21 e0 call meta " + lock + "a0 op=put peer=a0 store=s rev=5 from=20\n21 e0 put meta " + lock + "a0 owner=a0 store=s rev=5\n"
		late   = "60 e0 put meta " + lock + "a1 owner=a1 store=s rev=7\n"
		told   = "60 e0 call meta " + lock + "a1 op=put peer=a1 store=s rev=7 from=59\n"
		free   = "61 e0 del meta " + lock + "a1 store=s rev=8\n"
		pod    = "70 k0 write Pod ns/p value=\"uid=u node=n0 account=default labels=app=web\" op=create rv=4\n"
		others = "70 k0 write Pod ns/p value=\"uid=u node=n0 account=default labels=app=db\" op=create rv=4\n"
	)
	for _, c := range []struct{ name, history, want string }{
		{"a lock that came too late", vain + late + pod, CauseLockKept},
		{"one that its client was told of", vain + late + told + pod, ""},
		{"one that is given back", vain + late + free + pod, ""},
		{"one that was never asked for in vain", late + pod, ""},
		{"one that waits for another's", vain + other + late + pod, ""},
		{"the lock of other labels", vain + late + others, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := history.Parse(start + c.history + "80 world phase - heal value=10s\n120 world phase - end value=bound\n")
			require.NoError(t, err)
			in := &property.Input{Index: index.New(&history.History{Plan: `{"mode":"kvstore"}`, Records: records})}
			v := property.Violation{Facts: property.Facts{Kind: "Pod", Key: "ns/p"}, Records: []int{len(records) - 3}}
			New(in).Explain(pods.Started.Name, &v)
			if c.want == "" {
				require.Nil(t, v.Cause)
				return
			}
			require.NotNil(t, v.Cause)
			require.Equal(t, c.want, v.Cause.Name())
			require.NotEmpty(t, v.Cause.Proofs[0].Records)
		})
	}
}
