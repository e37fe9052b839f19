package draw

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meshcheck/meshcheck/fault"
)

const drawnSeeds = 600

// drawn are the plans of the first seeds, which several tests look at.
var drawn = sync.OnceValue(func() (plans []*fault.Plan) {
	for seed := range uint64(drawnSeeds) {
		p, err := Plan(seed, Config{})
		if err != nil {
			panic(err)
		}
		plans = append(plans, p)
	}
	return plans
})

func mustDraw(t testing.TB, seed uint64) *fault.Plan {
	t.Helper()
	p, err := Plan(seed, Config{})
	require.NoError(t, err, "seed %d", seed)
	return p
}

func TestReferenceHasTheSizeOfTheReferencePlan(t *testing.T) {
	for seed := range uint64(100) {
		p, err := Plan(seed, Config{Reference: true})
		require.NoError(t, err)
		require.Equal(t, fault.Topology{APIServers: 1, Replicas: 2, Agents: 6, Nodes: 20}, p.Topology)
		require.Equal(t, "300s", p.Churn.String())
		require.Len(t, p.Pods, 40, "seed %d", seed)
		podOps := 0
		for i := range p.Ops {
			if p.Ops[i].Pod != nil {
				podOps++
			}
		}
		require.Equal(t, 300, podOps, "seed %d: one pod operation per second", seed)
		require.Len(t, p.Faults, 6, "seed %d", seed)
		for i := range p.Faults {
			require.LessOrEqual(t, p.Faults[i].At+p.Faults[i].For, p.Churn, "seed %d: fault %d outlasts the churn", seed, i)
			require.Contains(t, reference.kinds, p.Faults[i].Kind)
		}
	}
}

func TestDrawIsAFunctionOfTheSeed(t *testing.T) {
	require.Equal(t, mustDraw(t, 7), mustDraw(t, 7))
	seen := map[string]int{}
	for seed, p := range drawn() {
		unseeded := *p
		unseeded.Seed = 0
		other, twice := seen[unseeded.Line()]
		require.False(t, twice, "seeds %d and %d have the same plan", seed, other)
		seen[unseeded.Line()] = seed
	}
}

// Whatever a plan can hold is drawn, and spread over the run.
func TestDrawReachesEverything(t *testing.T) {
	kinds, ops, events, hows := map[fault.Kind]int{}, map[fault.OpKind]int{}, map[fault.Event]int{}, map[string]int{}
	letters, uses := map[byte]int{}, map[string]int{}
	thirds := [3]int{}
	reusedAlive, waiting, crowds := 0, 0, 0
	for _, p := range drawn() {
		for i := range p.Faults {
			f := &p.Faults[i]
			kinds[f.Kind]++
			hows[f.How]++
			for _, host := range append(f.Hosts(), f.Peer) {
				if host != "" {
					letters[host[0]]++
				}
			}
			thirds[min(2, int(3*f.At/p.Churn))]++
			if f.When != nil {
				events[f.When.Event]++
			}
			for _, use := range fault.SpecOf(f.Kind).Uses {
				if use.Get(f) != 0 {
					uses[use.Name()]++
				}
			}
		}
		for i := range p.Ops {
			ops[p.Ops[i].Op]++
			if p.Ops[i].When != nil {
				waiting++
			}
		}
		reusedAlive += ipsTakenFromLivePods(p)
		if max(len(p.Pods), p.Topology.Nodes) > 256 {
			crowds++
		}
	}
	require.Greater(t, waiting, 50, "ops with a trigger")
	require.Greater(t, crowds, 50, "more of a kind than a page of a list")
	for i := range fault.Specs {
		if !fault.Specs[i].Members { // see TestDrawMembers
			require.Greater(t, kinds[fault.Specs[i].Kind], 5, fault.Specs[i].Kind)
		}
	}
	for i := range fault.Events {
		require.Greater(t, events[fault.Events[i].Event], 5, fault.Events[i].Event)
	}
	for _, kind := range fault.OpKinds {
		if !kind.OfPolicy() { // see TestDrawnPolicies
			require.Greater(t, ops[kind], drawnSeeds/8, kind)
		}
	}
	for _, letter := range "kraow" {
		require.Greater(t, letters[byte(letter)], drawnSeeds/20, string(letter))
	}
	for i := range fault.Specs {
		for _, use := range fault.Specs[i].Uses {
			require.Greater(t, uses[use.Name()], 5, use.Name())
		}
	}
	for _, how := range []string{fault.Silent, fault.Graceful} {
		require.Greater(t, hows[how], 5, how)
	}
	for i, n := range thirds {
		require.Greater(t, n, drawnSeeds/2, "third %d of the churn", i)
	}
	require.Greater(t, reusedAlive, drawnSeeds, "IPs given to a new pod before the old one is deleted")
}

func TestDrawnPlansAreReadAsTheyAreWritten(t *testing.T) {
	withObjects, err := Plan(1, Config{Objects: []json.RawMessage{json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}}`)}})
	require.NoError(t, err)
	require.Zero(t, withObjects.Topology.Operators)
	plans := []*fault.Plan{withObjects}
	for seed := range uint64(50) {
		plans = append(plans, mustDraw(t, seed))
	}
	for _, p := range plans {
		for form, text := range map[string][]byte{"file": p.Encode(), "line": []byte(p.Line())} {
			read, err := fault.Read(form, text)
			require.NoError(t, err)
			require.Equal(t, p, read)
			require.Equal(t, string(p.Encode()), string(read.Encode()), "writing is stable")
		}
	}
}

// The swarm: seeds differ in how many faults there are and in how many kinds.
func TestSwarm(t *testing.T) {
	counts, kinds, stalls := map[int]int{}, map[int]int{}, map[int]int{}
	for _, p := range drawn() {
		stalls[p.Options.Stall]++
		counts[len(p.Faults)]++
		distinct := map[fault.Kind]bool{}
		for i := range p.Faults {
			distinct[p.Faults[i].Kind] = true
			require.LessOrEqual(t, p.Faults[i].At+p.Faults[i].For, p.Churn+ms, "seed %d: fault %d outlasts the churn", p.Seed, i)
		}
		kinds[len(distinct)]++
	}
	require.Zero(t, counts[0])
	require.Greater(t, counts[1], drawnSeeds/10)
	require.Greater(t, counts[19]+counts[20]+counts[21], 2)
	require.Greater(t, kinds[1], drawnSeeds/10)
	require.Greater(t, kinds[8]+kinds[9]+kinds[10], 5)
	require.InDelta(t, drawnSeeds/2, stalls[0], float64(drawnSeeds/8), "goroutines stall in half of the seeds")
	for _, places := range []int{4, 8, 16} {
		require.Greater(t, stalls[places], drawnSeeds/12, "stalls at one place in %d", places)
	}
}

// Plans that rapid draws from its own bits are valid, as Plans itself checks, and small.
func TestPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Plans().Draw(t, "plan")
		require.LessOrEqual(t, p.Churn, 60*second)
		require.LessOrEqual(t, len(p.Faults), 8)
	})
}

func ipsTakenFromLivePods(p *fault.Plan) (count int) {
	ip := map[string]string{} // of each live pod
	for _, pod := range p.Pods {
		ip[pod.Namespace+"/"+pod.Name] = pod.IP
	}
	for i := range p.Ops {
		op := &p.Ops[i]
		switch op.Op {
		case fault.PodCreate:
			for _, taken := range ip {
				if taken == op.Pod.IP {
					count++
				}
			}
			ip[op.Pod.Namespace+"/"+op.Pod.Name] = op.Pod.IP
		case fault.PodDelete:
			delete(ip, op.Pod.Namespace+"/"+op.Pod.Name)
		case fault.NamespaceDelete:
			clear(ip) // enough: it only makes the count smaller
		}
	}
	return count
}

// A fault is drawn from its own stream: it does not depend on what the others are.
func TestStreamsAreIndependent(t *testing.T) {
	p, s := *mustDraw(t, 7), reference
	p.Faults = nil
	from := source{seed: 7}
	want := draw(from, faultGroups(&p, s), "fault", 3, 0)
	for i := range 3 {
		draw(from, faultGroups(&p, s), "fault", i, 0)
	}
	require.Equal(t, want, draw(from, faultGroups(&p, s), "fault", 3, 0))
	keys := map[uint64]bool{}
	for seed := range uint64(100) {
		for n := range 100 {
			keys[streamKey(seed, "fault", n)] = true
			keys[streamKey(seed, "ops", n)] = true
		}
	}
	require.Len(t, keys, 20_000, "stream keys collide")
}

func TestDrawWithObjects(t *testing.T) {
	objects := []json.RawMessage{
		json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"worker-a"},"spec":{"addresses":[{"ip":"10.0.0.1"}],"health":{"ipv4":"10.0.0.2"}}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"worker-b"}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity","metadata":{"name":"460000"},"security-labels":{"k8s:io.cilium.k8s.policy.cluster":"east"}}`),
		json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"namespace":"shop","name":"app0-0"},"status":{"networking":{"addressing":[{"ipv4":"10.0.0.3"}],"node":"10.0.0.4"}}}`),
		json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":"app0-0"},"status":{"hostIP":"10.0.0.5","podIP":"10.0.0.6","podIPs":[{"ip":"10.0.0.6"},{"ip":"10.0.0.7"}]}}`),
	}
	acts := map[string]bool{} // on the given pod
	for seed := range uint64(100) {
		p, err := Plan(seed, Config{Objects: objects})
		require.NoError(t, err)
		again, err := Plan(seed, Config{Objects: objects})
		require.NoError(t, err)
		require.Equal(t, p, again)
		deleted := false
		for i := range p.Ops {
			switch op := &p.Ops[i]; {
			case op.Pod == nil:
			case op.Op == fault.PodCreate && op.Pod.IP == "10.0.0.3" && op.Pod.Name != "app0-0":
				acts["address of another"] = true
			case op.Pod.Name != "app0-0":
			case op.Op == fault.PodDelete:
				deleted, acts["deleted"] = true, true
			case op.Op == fault.PodRelabel && !deleted:
				acts["relabelled"] = true
			case op.Op == fault.PodCreate:
				require.True(t, deleted, "it exists until then")
				acts["recreated"], acts["moved"] = true, acts["moved"] || op.Pod.Node == "worker-b"
			}
		}
		require.Empty(t, p.Pods)
		require.Zero(t, p.Topology.Nodes)
		require.Equal(t, 7, p.Options.ClusterID)
		require.Equal(t, "east", p.Options.ClusterName)
		require.False(t, p.Options.EndpointSlices, "no slices were given")
		for i := range p.Ops {
			if p.Ops[i].Op != fault.PodCreate {
				continue
			}
			pod := p.Ops[i].Pod
			require.Equal(t, "shop", pod.Namespace)
			require.NotRegexp(t, `^10\.0\.0\.[124567]$`, pod.IP)
			require.NotRegexp(t, "^n[0-9]", pod.Node)
		}
	}
	require.Equal(t, map[string]bool{"deleted": true, "relabelled": true, "recreated": true, "moved": true, "address of another": true}, acts)
	_, err := Plan(1, Config{Objects: []json.RawMessage{json.RawMessage(`{"kind":"Secret","metadata":{"name":"s"}}`)}})
	require.EqualError(t, err, `objects[0]: the kind "Secret" is not supported; a plan takes CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod`)
}

func TestOpsAreInOrderOfTime(t *testing.T) {
	p := mustDraw(t, 3)
	require.True(t, slices.IsSortedFunc(p.Ops, func(a, b fault.Op) int { return cmp.Compare(a.At, b.At) }))
	require.True(t, slices.IsSortedFunc(p.Faults, func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) }))
}

func BenchmarkDraw(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		mustDraw(b, seed)
		seed++
	}
}
