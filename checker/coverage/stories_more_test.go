package coverage

// A store's key, put and deleted.
const (
	key     = "cilium/state/ip/v1/default/10.0.0.1"
	nine    = "cilium/state/ip/v1/default/10.0.0.9" // is in a full store
	deleted = "7 r0 del endpoint " + key + " store=s0 rev=9\n"
	again   = "4 a0 down agent - inc=1\n5 a0 up agent - inc=2\n"
)

var storeStories = map[string]story{
	"lease-ended": {
		full + deleted,
		full + deleted + "7 r0 call meta " + key + " op=delete value=1 peer=r0 store=s0 rev=9\n",
	},
	"lease-ended-under-writer": {
		full + deleted,
		full + "2 r0 down writer - inc=1\n" + deleted,
	},
	"late-write": {
		full + ip + "11.6 r0 put endpoint " + key + " value=one store=s0 rev=9\n",
		full + ip + "11.5 r0 put endpoint " + key + " value=one store=s0 rev=9\n",
	},
	"outdated-write": {
		full + ip + ipGone + "7.1 r0 put endpoint " + key + " value=one store=s0 rev=9\n",
		full + ip + ipGone + "7 r0 put endpoint " + key + " value=one store=s0 rev=9\n",
	},
	"late-deletion": {
		full + ip + ipGone + "16.1 r0 del endpoint " + key + " store=s0 rev=9\n",
		full + ip + ipGone + "16 r0 del endpoint " + key + " store=s0 rev=9\n",
	},
	"live-key-deleted": {
		full + ip + deleted,
		full + ip + ipGone + deleted,
	},
	"put-back-at-once": {
		full + "7 r0 del endpoint " + nine + " store=s0 rev=9\n8 r0 put endpoint " + nine + " value=two store=s0 rev=10\n",
		full + "7 r0 del endpoint " + nine + " store=s0 rev=9\n8.1 r0 put endpoint " + nine + " value=two store=s0 rev=10\n",
	},
	"unchanged-put": {
		full + "7 r0 put endpoint " + nine + " value=nine store=s0 rev=9\n",
		full + "7 r0 put endpoint " + nine + " value=two store=s0 rev=9\n",
	},
	"request-outcome-unknown": {
		full + `2 r0 call meta x op=put peer=r0 store=s0 err="no space"` + "\n",
		full + "2 r0 call meta x op=put value=1 peer=r0 store=s0 rev=9\n",
	},
	"list-from-filling-store": {
		full + "2 r1 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s1 rev=1\n",
		full + "2 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
	},
	"list-from-store-without-writer": {
		full + "2 r0 down writer - inc=1\n2 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
		full + "2 r1 down writer - inc=1\n2 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
	},
	"list-again": {
		full + connected + listed + "5 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
		full + connected + listed + "5 r1 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s1 rev=1\n",
	},
	"list-again-after-compaction": {
		full + connected + listed + "4 world fault etcd-compaction r0 value=x op=revisions-lost rev=1\n5 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
		full + connected + listed + "4 world fault etcd-compaction r1 value=x op=revisions-lost rev=1\n5 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
	},
	"list-in-pages": {
		full + "2 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1 more=true\n",
		full + "2 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=r0 store=s0 rev=1 more=true\n",
	},
	"lists-of-one-agent-apart": {
		full + connected + "3 r0 call meta cilium/state/nodes/v1/c1/ op=range end=x peer=a0 store=s0 rev=1\n4.1 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
		full + connected + "3 r0 call meta cilium/state/nodes/v1/c1/ op=range end=x peer=a0 store=s0 rev=1\n4 r0 call meta cilium/state/ip/v1/default/ op=range end=x peer=a0 store=s0 rev=1\n",
	},
}

var agentStories = map[string]story{
	"agent-start-replica-down": {
		full + connected + "3 r0 down etcd - store=s0 inc=1\n" + again,
		full + connected + "3 r1 down etcd - store=s1 inc=1\n" + again,
	},
	"agent-start-none-ready": {
		full + connected + "3 r0 unready - -\n" + again,
		full + connected + again,
	},
	"agents-down-together": {
		full + connected + "4 a0 down agent - inc=1\n4 a1 down agent - inc=1\n",
		full + connected + again + "6 a1 down agent - inc=1\n",
	},
	"agent-down-before-synced": {
		full + agents + again,
		full + connected + again,
	},
	"synced-by-timeout": {
		full + agents + "4 a0 synced endpoint - value=timeout inc=1\n",
		full + connected,
	},
	"synced-without-replica": {
		full + agents + "4 a0 synced endpoint - value=timeout inc=1\n",
		full + connected,
	},
	"unprogrammed-after-restart": {
		full + connected + "4 a0 program endpoint 10.0.0.1 value=one\n" + again + "6 a0 unprogram endpoint 10.0.0.1\n",
		full + connected + again + "6 a0 program endpoint 10.0.0.1 value=one\n6 a0 unprogram endpoint 10.0.0.1\n",
	},
	"reprogrammed-after-restart": {
		full + connected + "4 a0 program endpoint 10.0.0.1 value=one\n" + again + "6 a0 program endpoint 10.0.0.1 value=two\n",
		full + connected + "4 a0 program endpoint 10.0.0.1 value=one\n6 a0 program endpoint 10.0.0.1 value=two\n",
	},
	"saw-outdated-content": {
		full + ip + connected + ipGone + "16.1 a0 see endpoint 10.0.0.1 value=one inc=1\n",
		full + ip + connected + ipGone + "16 a0 see endpoint 10.0.0.1 value=one inc=1\n",
	},
	"saw-gone-entry": {
		full + ip + connected + ipGone + "16.1 a0 see endpoint 10.0.0.1 value=ghost inc=1\n",
		full + ip + connected + ipGone + ipOfOther + "16.6 a0 see endpoint 10.0.0.1 value=one inc=1\n",
	},
	"saw-late": {
		full + ip + connected + "11.6 a0 see endpoint 10.0.0.1 value=one inc=1\n",
		full + ip + agents + "11.6 a0 see endpoint 10.0.0.1 value=one inc=1\n",
	},
	"dropped-true-entry": {
		full + ip + connected + inView + "6 a0 drop endpoint 10.0.0.1 inc=1\n",
		full + ip + connected + inView + ipGone + "6 a0 drop endpoint 10.0.0.1 inc=1\n",
	},
	"dropped-late": {
		full + ip + connected + inView + ipGone + "16.1 a0 drop endpoint 10.0.0.1 inc=1\n",
		full + ip + connected + inView + ipGone + "16 a0 drop endpoint 10.0.0.1 inc=1\n",
	},
	"dropped-while-disconnected": {
		full + ip + connected + inView + lost + "6 a0 drop endpoint 10.0.0.1 inc=1\n",
		full + ip + connected + inView + "6 a0 drop endpoint 10.0.0.1 inc=1\n",
	},
}

var truthStories = map[string]story{
	"two-owners": {
		full + ip + ipOfOther,
		full + ip + ipGone + ipOfOther,
	},
	"two-owners-first-goes-first": {
		full + ip + ipOfOther + "7 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/one rv=8\n",
		full + ip + ipOfOther + "7 k0 truth endpoint 10.0.0.1 op=del owner=CiliumEndpoint/ns/two rv=8\n",
	},
	"ip-reused-in-view": {
		full + ip + connected + inView + ipGone + ipOfOther,
		full + ip + connected + ipGone + ipOfOther,
	},
	"ip-reused-at-once": {
		full + ip + ipGone + ipOfOther,
		full + ip + ipGone + "7.1 k0 truth endpoint 10.0.0.1 value=two op=put owner=CiliumEndpoint/ns/two rv=7\n",
	},
	"ip-reused-behind-agent": {
		full + ip + connected + inView + lost + ipGone + ipOfOther,
		full + ip + connected + inView + ipGone + ipOfOther,
	},
	"same-pod-again": {
		full + ip + ipGone + "7 k0 truth endpoint 10.0.0.1 value=one op=put owner=CiliumEndpoint/ns/one rv=7\n",
		full + ip + ipGone + ipOfOther,
	},
	"endpoint-changed-behind-agent": {
		full + ip + connected + inView + lost + "6 k0 truth endpoint 10.0.0.1 value=new op=put owner=CiliumEndpoint/ns/one rv=6\n",
		full + ip + connected + inView + "6 k0 truth endpoint 10.0.0.1 value=new op=put owner=CiliumEndpoint/ns/one rv=6\n",
	},
	"identity-again": {
		"1 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=1\n2 k0 truth identity 7 op=del owner=CiliumIdentity/7 rv=2\n3 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=3\n",
		"1 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=1\n3 k0 truth identity 7 value=b op=put owner=CiliumIdentity/7 rv=3\n",
	},
	"identity-reused": {
		"1 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=1\n2 k0 truth identity 7 op=del owner=CiliumIdentity/7 rv=2\n3 k0 truth identity 7 value=b op=put owner=CiliumIdentity/7 rv=3\n",
		"1 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=1\n2 k0 truth identity 7 op=del owner=CiliumIdentity/7 rv=2\n3 k0 truth identity 7 value=a op=put owner=CiliumIdentity/7 rv=3\n",
	},
	"node-again": {
		"1 k0 truth node n7 value=a op=put owner=CiliumNode/n7 rv=1\n2 k0 truth node n7 op=del owner=CiliumNode/n7 rv=2\n3 k0 truth node n7 value=a op=put owner=CiliumNode/n7 rv=3\n",
		"1 k0 truth node n7 value=a op=put owner=CiliumNode/n7 rv=1\n2 k0 truth node n7 op=del owner=CiliumNode/n7 rv=2\n3 k0 truth node n8 value=a op=put owner=CiliumNode/n8 rv=3\n",
	},
	"entry-too-short": {
		full + ip + agents + ipGone,
		full + ip + connected + inView + ipGone,
	},
}

var awayStories = map[string]story{
	"namespace-remade-behind-writer": {
		full + "2 r0 down writer - inc=1\n3 k0 write Namespace ns op=delete rv=8\n4 k0 write Namespace ns op=create rv=9\n",
		full + "3 k0 write Namespace ns op=delete rv=8\n3.5 r0 down writer - inc=1\n4 k0 write Namespace ns op=create rv=9\n",
	},
	"namespace-remade": {
		full + "3 k0 write Namespace ns op=delete rv=8\n4 k0 write Namespace ns op=create rv=9\n",
		full + "3 k0 write Namespace ns op=delete rv=8\n4 k0 write Namespace other op=create rv=9\n",
	},
	"entry-passed-behind-writer": {
		full + "1.4 r0 down writer - inc=1\n" + ip + ipGone,
		full + ip + "2 r0 down writer - inc=1\n" + ipGone,
	},
	"entry-remade-behind-writer": {
		full + ip + "5 r0 down writer - inc=1\n" + ipGone + ipOfOther,
		full + ip + ipGone + "6.2 r0 down writer - inc=1\n" + ipOfOther,
	},
	"deletion-behind-every-writer": {
		full + ip + cutOff + ipGone,
		full + ip + cutOne + ipGone,
	},
	"entry-passed-behind-agent": {
		full + connected + lost + "5 k0 truth endpoint 10.0.0.2 value=x op=put owner=CiliumEndpoint/ns/x rv=5\n6 k0 truth endpoint 10.0.0.2 op=del owner=CiliumEndpoint/ns/x rv=6\n",
		full + connected + "5 k0 truth endpoint 10.0.0.2 value=x op=put owner=CiliumEndpoint/ns/x rv=5\n6 k0 truth endpoint 10.0.0.2 op=del owner=CiliumEndpoint/ns/x rv=6\n",
	},
}

var kubeStories = map[string]story{
	"all-kube-apiservers-down": {
		full + "2 k0 down kube - inc=1\n2 k1 down kube - inc=1\n",
		full + "2 k0 down kube - inc=1\n",
	},
	"write-while-kube-apiserver-down": {
		full + "2 k0 down kube - inc=1\n3 k1 write Pod ns/p op=create peer=w0 rv=9\n",
		full + "3 k1 write Pod ns/p op=create peer=w0 rv=9\n",
	},
	"object-through-two-kube-apiservers": {
		full + "3 k1 write Pod ns/p op=create peer=w0 rv=9\n3 k0 write Pod ns/p op=update peer=w0 rv=10\n",
		full + "3 k1 write Pod ns/p op=create peer=w0 rv=9\n3 k0 write Pod ns/q op=create peer=w0 rv=10\n",
	},
	"kube-apiserver-refuses":      {"1 r0 net - refuse peer=k0\n", "1 a0 net - refuse peer=r0\n"},
	"writer-loses-kube-apiserver": {"1 r0 net - reset peer=k0\n", "1 r0 net - close peer=k0\n"},
	"new-leader":                  {"1 o0 ready operator - inc=1\n2 o1 ready operator - inc=1\n", "1 o0 ready operator - inc=1\n2 o0 ready operator - inc=2\n"},
	"two-leaders": {
		"1 o0 ready operator - inc=1\n2 o1 ready operator - inc=1\n",
		"1 o0 ready operator - inc=1\n2 o0 unready operator - inc=1\n2 o1 ready operator - inc=1\n",
	},
	"leader-ends": {
		"1 o0 ready operator - inc=1\n2 o0 unready operator - inc=1\n2 o0 down operator - inc=1\n",
		"1 o0 ready operator - inc=1\n2 o1 down operator - inc=1\n",
	},
	"write-without-leader": {
		"1 o0 ready operator - inc=1\n2 o0 unready operator - inc=1\n3 k0 write Pod ns/p op=create peer=w0 rv=9\n",
		"1 o0 ready operator - inc=1\n3 k0 write Pod ns/p op=create peer=w0 rv=9\n",
	},
	"agent-refused":   {"1 a0 net - refuse peer=r0\n", "1 r0 net - refuse peer=k0\n"},
	"agent-reset":     {"1 a0 net - reset peer=r0\n", "1 a0 net - close peer=r0\n"},
	"agent-timed-out": {"1 a0 net - timeout peer=r0\n", "1 a0 net - reset peer=r0\n"},
	"workload-disturbed": {
		"1 w0 net - refuse peer=k0\n",
		"1 w0 net - close peer=k0\n",
	},
}

// Faults that name hosts of two letters.
func pair(one, other string) string {
	return "1 world fault pause " + one + " value=x op=cut rev=1\n1 world fault pause " + other + " value=x op=cut rev=2\n"
}

var faultStories = func() map[string]story {
	three := pair("r0", "r1") + "1 world fault pause a0 value=x op=cut rev=3\n"
	stories := map[string]story{
		"faults-two":                  {pair("r0", "r1"), "1 world fault pause r0 value=x op=cut rev=1\n1 world heal pause r0 value=x rev=1\n1 world fault pause r1 value=x op=cut rev=2\n"},
		"faults-three":                {three, pair("r0", "r1")},
		"faults-five":                 {three + "1 world fault pause a1 value=x op=cut rev=4\n1 world fault pause a2 value=x op=cut rev=5\n", three},
		"faults-replica-and-kube":     {pair("r0", "k0"), pair("r0", "a0")},
		"faults-replica-and-agent":    {pair("r0", "a0"), pair("r0", "k0")},
		"faults-agent-and-kube":       {pair("k0", "a0"), pair("r0", "k0")},
		"faults-operator-and-replica": {pair("o0", "r0"), pair("o0", "k0")},
		"fault-by-trigger":            {`1 world fault pause r0 value="when a0 connects: r0 is paused" op=cut rev=1` + "\n", pair("r0", "r1")},
		"fault-before-complete-boot":  {agents + "4 world fault pause r0 value=x op=cut rev=1\n", full + "3 a0 up agent - inc=1\n3 a0 synced endpoint - value=synced inc=1\n4 world fault pause r0 value=x op=cut rev=1\n"},
		"fault-idle":                  {"1 world fault pause r0 value=x op=cut rev=1\n2 world effect pause r0 value=cut:0 rev=1\n", pair("r0", "r1")},
		"fault-unfired":               {"1 world unfired pause r0 value=x rev=1\n", pair("r0", "r1")},
		"end-unsettled":               {"1 world phase - end value=bound\n", "1 world phase - end value=settled\n"},
	}
	for _, kind := range kindsOfFaults {
		happens := full + "4 world fault " + kind + " r0 value=x rev=1\n"
		connects := "14 a0 connect - - peer=r0 store=s0\n"
		stories["happened."+kind] = story{happens, happens + "4 world effect " + kind + " r0 value=cut:0 rev=1\n"}
		stories["connected-under."+kind] = story{
			happens + "4 world heal " + kind + " r0 value=x rev=1\n" + connects,
			happens + "4 world heal " + kind + " r0 value=x rev=1\n14.1 a0 connect - - peer=r0 store=s0\n",
		}
	}
	return stories
}()
