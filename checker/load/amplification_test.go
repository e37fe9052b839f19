package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

func TestAmplification(t *testing.T) {
	const (
		start = "0 world phase - start\n0 k0 up kube - inc=1\n0 r0 up writer - inc=1\n1 k0 write CiliumNode n0 op=create peer=w0 rv=1\n5 world phase - churn\n"
		heal  = "60 world phase - heal value=1m0s\n"
		end   = "100 world phase - end value=settled\n"
	)
	writes := func(from, n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d.%03d ", from, i)
			fmt.Fprintf(&b, line+"\n", i+2)
		}
		return b.String()
	}
	slice := "k0 write CiliumEndpointSlice ces-1 value=namespace=ns1 op=update peer=o0 rv=%d"
	put := "r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value=x store=a0 rev=%d"
	noWriter := strings.Replace(start, "0 r0 up writer - inc=1\n", "", 1)
	operation := "9 w0 op Pod ns1/web-0 op=pod-create rev=1 from=8\n"
	propertytest.Tell(t, Amplification, []propertytest.Story{
		{Name: "as many writes as the operation and what is allowed besides", History: start + operation + writes(20, 28, slice) + heal + end, Outcome: property.Pass,
			Says: []string{"28 writes and 0 changes of replicas' etcds in 95.000s without a fault, for 1 operation and 0 changes of what is true"}},
		{Name: "one more", History: start + operation + writes(20, 29, slice) + heal + end, Outcome: property.Fail,
			Says: []string{"the kube-apiservers had 29 writes from 5.000s to 100.000s, in which no fault was a reason, for 1 operations of the workload; the bound is 28"}},
		{Name: "leases do not count", History: start + writes(20, 29, "k0 write Lease kube-system/l op=update peer=o0 rv=%d") + heal + end, Outcome: property.Pass,
			Says: []string{"0 writes and 0 changes of replicas' etcds in 95.000s without a fault, for 0 operations and 0 changes of what is true"}},
		{Name: "the same key again and again", History: noWriter + writes(20, 23, put) + "21 k0 truth endpoint 10.0.0.1 value=x op=put owner=CiliumEndpoint/a rv=3\n" + heal + end, Outcome: property.Fail,
			Says: []string{"the etcd of r0 had 23 changes from 5.000s to 100.000s, in which no fault was a reason, for 1 changes of what is true; the bound is 22"}},
		{Name: "a writer that starts writes all again", History: start + "19 r0 up writer - inc=2\n" + writes(20, 23, put) + heal + end, Outcome: property.Pass,
			Says: []string{"0 writes and 23 changes of replicas' etcds in 95.000s without a fault, for 0 operations and 0 changes of what is true"}},
		{Name: "what ends with its lease", History: start + writes(20, 23, "r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=a0 rev=%d") + heal + end, Outcome: property.Pass,
			Says: []string{"0 writes and 0 changes of replicas' etcds in 95.000s without a fault, for 0 operations and 0 changes of what is true"}},
		{Name: "what ended with its lease is put back", History: noWriter + writes(20, 23, "r0 del endpoint cilium/state/ip/v1/default/10.0.0.%[1]d store=a0 rev=%[1]d") +
			writes(21, 23, "r0 put endpoint cilium/state/ip/v1/default/10.0.0.%[1]d value=x store=a0 rev=3%[1]d") + heal + end, Outcome: property.Pass,
			Says: []string{"0 writes and 0 changes of replicas' etcds in 95.000s without a fault, for 0 operations and 0 changes of what is true"}},
		{Name: "and again", History: noWriter + writes(20, 23, "r0 del endpoint cilium/state/ip/v1/default/10.0.0.%[1]d store=a0 rev=%[1]d") +
			writes(21, 23, "r0 put endpoint cilium/state/ip/v1/default/10.0.0.%[1]d value=x store=a0 rev=3%[1]d") + writes(22, 23, put) + heal + end, Outcome: property.Fail,
			Says: []string{"the etcd of r0 had 23 changes from 5.000s to 100.000s, in which no fault was a reason, for 0 changes of what is true; the bound is 20"}},
		{Name: "what a writer deletes", History: start + writes(20, 23, "r0 del endpoint cilium/state/ip/v1/default/10.0.0.1 store=a0 rev=%d") +
			writes(21, 23, "r0 call meta cilium/state/ip/v1/default/10.0.0.1 op=delete value=1 peer=r0 store=a0 rev=%d") + heal + end, Outcome: property.Fail,
			Says: []string{"the etcd of r0 had 23 changes from 5.000s to 100.000s, in which no fault was a reason, for 0 changes of what is true; the bound is 20"}},
		{Name: "a fault may be the reason", History: start + "6 world fault partition r0 peer=k0 op=cut rev=1\n50 world heal partition r0 peer=k0 op=cut rev=1\n" + writes(51, 40, put) + heal + end, Outcome: property.Unknown,
			Says: []string{"there was no 30s without a fault, and none for 2m5s after one"}},
		{Name: "a namespace goes with its pods", History: start + writes(6, 3, "k0 write Pod ns1/p value=node=n0 op=create peer=w0 rv=%d") + "19 w0 op Namespace ns1 op=namespace-delete rev=1 from=18\n" + writes(20, 49, slice) + heal + end, Outcome: property.Pass,
			Says: []string{"52 writes and 0 changes of replicas' etcds in 95.000s without a fault, for 1 operation and 0 changes of what is true"}},
		{Name: "an operation that goes on as a fault begins", History: start + writes(20, 28, slice) + "50 world fault partition r0 peer=k0 op=cut rev=1\n" + strings.Replace(operation, "9 w0", "51 w0", 1) + heal + end, Outcome: property.Pass,
			Says: []string{"28 writes and 0 changes of replicas' etcds in 45.000s without a fault, for 0 operations and 0 changes of what is true"}},
		{Name: "one that begins with the fault", History: start + writes(20, 28, slice) + "50 world fault partition r0 peer=k0 op=cut rev=1\n" + "51 w0 op Pod ns1/web-0 op=pod-create rev=1 from=50\n" + heal + end, Outcome: property.Fail,
			Says: []string{"the kube-apiservers had 28 writes from 5.000s to 50.000s, in which no fault was a reason, for 0 operations of the workload; the bound is 20"}},
		{Name: "an empty history", Outcome: property.Unknown, Says: []string{"the history has no churn, or no end"}},
	})
}
