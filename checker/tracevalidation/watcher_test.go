package tracevalidation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// in is the verdict about what is told of a run in a mode.
func in(test *testing.T, base mode.Base, tell func(*script)) *Verdict {
	test.Helper()
	var h script
	tell(&h)
	h.end()
	return Check(index.New(&history.History{Records: h.records(test)}), mode.Mode{Base: base}.With(""))
}

// share puts a content into the etcd that agents share.
func (t *script) share(content string) { t.put("e0", "s0", content) }

// What an agent shows that lists and watches is what there was, in that order, from its list
// on; not every version need be shown.
func TestWatchersFollowTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		tell   func(*script)
		says   string // of the record that nothing explains; "" if all is explained
		why    string
		needed []string
	}{
		"an agent that is late shows the last of three versions": {tell: func(t *script) {
			t.up("agent", "a0", "")
			t.claim("web", "web")
			t.claim("web", "web2")
			t.claim("web", "web3")
			t.see("a0", "web3")
		}},
		"an agent that is behind shows one after the other": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
			t.claim("web", "web2")
			t.see("a0", "web")
			t.see("a0", "web2")
		}},
		"an agent that starts again lists what was earlier": {tell: func(t *script) {
			t.fault(disturb.CacheBehind)
			startsAgain(t)
		}, needed: []string{"lists-the-past"}},
		"an agent that starts again lists what was earlier, without a cache that is behind": {tell: startsAgain,
			says: `agent a0 takes over "web" for the endpoint 10.0.0.1, of which it had nothing`, why: `since what it took over, there was "web2"; never "web"`},
		"an agent that never heard of it has nothing to show": {tell: func(t *script) {
			t.up("agent", "a0", "")
			t.claim("web", "web")
			t.release("web", "web")
			t.claim("web", "web2")
			t.see("a0", "web2")
		}},
		"a view goes back": {tell: func(t *script) {
			t.claim("web", "web")
			t.claim("web", "web2")
			t.up("agent", "a0", "")
			t.see("a0", "web2")
			t.see("a0", "web")
			t.see("a0", "web2")
		}, says: `agent a0 takes over "web" for the endpoint 10.0.0.1, of which it had "web2"`, why: `since what it took over, there was "web2"; never "web"`},
		"a view drops what is there": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
			t.see("a0", "web")
			t.drop("a0")
			t.see("a0", "web")
		}, says: `agent a0 drops the endpoint 10.0.0.1`, why: `since what it took over, there was "web"; it was never gone`},
		"a view shows what never was": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
			t.see("a0", "other")
		}, says: `agent a0 takes over "other"`, why: `since what it took over, there was "web"; never "other"`},
		"a watch that delivers nothing more": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
			t.see("a0", "web")
			t.release("web", "web")
		}, says: `the run ends, and agent a0 still has "web" for the endpoint 10.0.0.1, of which there is nothing`, why: "it must happen sooner or later, and has not; there has been that since 0.4"},
		"what nobody ever claimed is there until the end": {tell: func(t *script) {
			t.up("agent", "a0", "")
			t.identity()
			t.add("a0 see endpoint 10.0.0.9 value=other inc=1")
		}, says: `agent a0 takes over "other" for the endpoint 10.0.0.9`, why: "since what it took over, there was nothing"},
		"an agent that lists nothing": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
		}, says: `the run ends, and agent a0 still has nothing for the endpoint 10.0.0.1, of which there is "web"`},
		"of two that claim it the second is shown, and its end": {tell: func(t *script) {
			t.claim("web", "web")
			t.claim("api", "api")
			t.up("agent", "a0", "")
			t.see("a0", "api")
			t.release("api", "api")
			t.drop("a0")
			t.claim("web", "web2")
			t.see("a0", "web2")
		}, needed: []string{"any-claim", "end-of-any-claim"}},
		"an address that went with one that claimed it stays away": {tell: func(t *script) {
			t.claim("web", "web")
			t.claim("api", "api")
			t.up("agent", "a0", "")
			t.see("a0", "web")
			t.see("a0", "api")
			t.release("api", "api")
			t.drop("a0")
		}, needed: []string{"any-claim", "end-of-any-claim", "stays-away"}},
		"one that never came does not": {tell: func(t *script) {
			t.claim("web", "web")
			t.claim("api", "api")
			t.release("api", "api")
			t.up("agent", "a0", "")
		}, says: `agent a0 still has nothing`, why: "it needs such a drop, and nothing shown since"},
		"a slice's update removes before it adds": {tell: func(t *script) {
			changesHands(t, "CiliumEndpointSlice/s")
		}, needed: []string{"removes-first"}},
		"an update of what is no slice does not": {tell: func(t *script) {
			changesHands(t, "CiliumEndpoint/ns/x")
		}, says: `agent a0 drops`, why: "it needs a slice's update, after which the key had another content, and there is none that leads to this"},
		"what comes later tells which of two explanations is right": {tell: func(t *script) {
			t.up("agent", "a0", "")
			for _, content := range []string{"web", "web2"} {
				t.add("k0 truth endpoint 10.0.0.1 value=%s op=put owner=CiliumEndpointSlice/s rv=%d", content, t.n)
			}
			t.add("k0 truth endpoint 10.0.0.1 value=web2 op=del owner=CiliumEndpointSlice/s rv=%d", t.n)
			t.see("a0", "web")
			t.drop("a0")
			t.see("a0", "web2")
			t.drop("a0")
		}, needed: []string{"removes-first"}},
		"of one that claims it there is no end while it does": {tell: func(t *script) {
			t.claim("web", "web")
			t.up("agent", "a0", "")
			t.see("a0", "web")
			t.claim("api", "api")
			t.drop("a0")
			t.see("a0", "web")
		}, says: "agent a0 drops", why: "it needs an object that let the key go while another one claimed it, and there is none that leads to this"},
	} {
		t.Run(name, func(t *testing.T) {
			v := in(t, mode.CRD, c.tell)
			requireVerdict(t, v, c.says, c.why)
			require.Equal(t, c.needed, needed(v))
		})
	}
}

// changesHands has an agent drop what one object gives another content.
func changesHands(t *script, owner string) {
	t.add("k0 truth endpoint 10.0.0.1 value=web op=put owner=%s rv=%d", owner, t.n)
	t.up("agent", "a0", "")
	t.see("a0", "web")
	t.add("k0 truth endpoint 10.0.0.1 value=web2 op=put owner=%s rv=%d", owner, t.n)
	t.drop("a0")
	t.see("a0", "web2")
}

// startsAgain has an agent show what it has seen changed before it started again.
func startsAgain(t *script) {
	t.claim("web", "web")
	t.claim("web", "web2")
	t.up("agent", "a0", "")
	t.see("a0", "web2")
	t.down("agent", "a0")
	t.up("agent", "a0", "")
	t.see("a0", "web")
	t.see("a0", "web2")
}

func requireVerdict(t *testing.T, v *Verdict, says, why string) {
	t.Helper()
	if says == "" {
		require.Empty(t, v.Unexplained)
		require.True(t, v.Holds())
		return
	}
	require.NotEmpty(t, v.Unexplained)
	require.Contains(t, v.Unexplained[0].Sentence, says)
	var whys string
	for _, c := range v.Unexplained[0].Candidates {
		whys += c.Why + "\n"
	}
	require.Contains(t, whys, why)
}

// An etcd that agents share is itself what is true: what objects say, and what a lease that
// ended took, matters to no agent.
func TestWatchersOfASharedEtcdFollowIt(t *testing.T) {
	v := in(t, mode.KVStore, func(t *script) {
		t.claim("web", "web")
		t.up("etcd", "e0", "s0")
		t.up("agent", "a0", "")
		t.share("web")
		t.see("a0", "web")
		t.expire("e0", "s0")
		t.drop("a0")
		t.share("web2")
		t.see("a0", "web2")
	})
	requireVerdict(t, v, "", "")
	require.Empty(t, needed(v))

	requireVerdict(t, in(t, mode.KVStore, func(t *script) {
		t.claim("web", "web")
		t.up("etcd", "e0", "s0")
		t.up("agent", "a0", "")
		t.see("a0", "web")
		t.share("web")
	}), `agent a0 takes over "web"`, `since what it took over, there was nothing; never "web"`)
}

// Cilium's agents do not drop the node that they run on, nor their own endpoints.
func TestAnAgentKeepsItsOwn(t *testing.T) {
	node := func(agent string) func(*script) {
		return func(t *script) {
			t.up("etcd", "e0", "s0")
			t.up("agent", agent, "")
			t.add("e0 put node cilium/state/nodes/v1/c1/n1 value=here store=s0 rev=%d", t.n)
			t.add("%s see node n1 value=here inc=1", agent)
			t.add("e0 del node cilium/state/nodes/v1/c1/n1 store=s0 rev=%d", t.n)
		}
	}
	endpoint := func(agent string) func(*script) {
		return func(t *script) {
			t.up("etcd", "e0", "s0")
			t.up("agent", agent, "")
			t.add("a1 truth endpoint 10.0.0.1 value=web op=put owner=Pod/ns/web rv=%d", t.n)
			t.share("web")
			t.see(agent, "web")
			t.expire("e0", "s0")
		}
	}
	for _, lost := range []func(string) func(*script){node, endpoint} {
		require.Equal(t, []string{"keeps-its-own"}, needed(in(t, mode.KVStore, lost("a1"))))
		requireVerdict(t, in(t, mode.KVStore, lost("a2")), `the run ends, and agent a2 still has`, "it needs the node that the agent runs on, or an endpoint that it has put")
	}
}

func (t *script) reads(why string) { t.add("a0 reading - clustermesh value=clustermesh op=%s", why) }

// handsOver has a0 read CRDs, which have web, until its etcd does: the mode handover.
func (t *script) handsOver() {
	t.claim("web", "web")
	t.up("agent", "a0", "")
	t.reads("fall-back")
	t.reads("listed")
	t.see("a0", "web")
	t.replica("r0", "s0", "web")
	t.connect("a0", "r0", "s0")
	t.reads("goes-over")
}

// An agent in a handover by cut-over shows CRDs from their list on, and an etcd from when it
// has been read.
func TestOneSourceAtATime(t *testing.T) {
	for name, c := range map[string]struct {
		tell      func(*script)
		says, why string
		needed    []string
	}{
		"it goes over": {tell: func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
		}},
		"it falls back, to CRDs that are behind, and returns": {tell: func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.claim("web", "web3")
			t.reads("listed")
			t.see("a0", "web2")
			t.see("a0", "web3")
			t.claim("web", "web4")
			t.see("a0", "web4")
			t.claim("web", "web3")
			t.see("a0", "web3")
			t.connect("a0", "r0", "s0")
			t.reads("goes-over")
			t.see("a0", "web2")
			t.put("r0", "s0", "web3")
			t.see("a0", "web3")
		}},
		"CRDs feed it while its etcd does": {tell: func(t *script) {
			t.claim("web", "web2")
			t.see("a0", "web2")
			t.put("r0", "s0", "web2")
		}, says: `agent a0 takes over "web2" for the endpoint 10.0.0.1, of which it had "web"`, why: `r0 had "web"; never "web2"`},
		"its etcd feeds it while CRDs do": {tell: func(t *script) {
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.reads("listed")
			t.add("r0 lease - lease1 op=expire store=s0")
			t.expire("r0", "s0")
			t.drop("a0")
		}, says: `agent a0 drops the endpoint 10.0.0.1`, why: "it was never gone"},
		"it lists CRDs while it has an etcd": {tell: func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.reads("listed")
			t.claim("web", "web3")
			t.see("a0", "web3")
			t.put("r0", "s0", "web3")
		}, says: `agent a0 takes over "web3"`},
		"it lists CRDs while it is connected with an etcd that it has not read in full": {tell: func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.reads("fall-back")
			t.reads("listed")
			t.claim("web", "web3")
			t.see("a0", "web3")
			t.put("r0", "s0", "web3")
		}},
		"it goes over, and shows for a moment what the etcd before had": {tell: func(t *script) {
			overlooks(t, "web")
		}, needed: []string{"undrained"}},
		"it goes over, and shows what no etcd before had": {tell: func(t *script) {
			overlooks(t, "other")
		}, says: `agent a0 takes over "other"`, why: "it needs another etcd that the agent read before, and which had this"},
		"CRDs show what is in a namespace that is gone": {tell: func(t *script) {
			t.add("k0 write Namespace ns op=delete rv=%d", t.n)
			fallsBack(t)
		}, needed: []string{"shown-by-crds"}},
		"CRDs show what writers hide": {tell: func(t *script) {
			hide(t, "hidden=true")
		}, needed: []string{"shown-by-crds"}},
		"CRDs show what writers hide, of which nothing has ever been true, until the end": {tell: func(t *script) {
			t.add("k0 write Namespace ns value=hidden=true op=update rv=%d", t.n)
			t.disconnect("a0", "r0", "s0")
			t.reads("fall-back")
			t.reads("listed")
			t.add(`a0 see endpoint 10.0.0.9 value="id=7 pod=ns/other" inc=1`)
		}, says: "the run ends, and agent a0 still has", why: "it must happen sooner or later, and has not; there has never been anything"},
		"CRDs show what nobody hides, and is not there": {tell: func(t *script) {
			hide(t, "labels=a=x")
		}, says: `agent a0 takes over "id=7 pod=ns/other"`, why: "it needs a namespace that is hidden or gone"},
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

// overlooks has an agent show a content as it goes over from s0 to s1, where nothing is.
func overlooks(t *script, content string) {
	t.disconnect("a0", "r0", "s0")
	t.release("web", "web")
	t.del("r0", "s0")
	t.replica("r1", "s1", "")
	t.reads("fall-back")
	t.reads("listed")
	t.drop("a0")
	t.connect("a0", "r1", "s1")
	t.reads("goes-over")
	t.see("a0", content)
	t.drop("a0")
}

func hide(t *script, value string) {
	t.add("k0 write Namespace ns value=%s op=update rv=%d", value, t.n)
	fallsBack(t)
}

// fallsBack has an agent see in CRDs what has never been true, as a replica has it.
func fallsBack(t *script) {
	t.disconnect("a0", "r0", "s0")
	t.reads("fall-back")
	t.reads("listed")
	t.add(`a0 see endpoint 10.0.0.1 value="id=7 pod=ns/other" inc=1`)
	t.drop("a0")
	t.connect("a0", "r0", "s0")
	t.reads("goes-over")
	t.see("a0", "web")
}

// A writer that starts with another cluster's ID puts nodes with that; and what the one before it
// had asked for comes once the next is there, if that starts at once.
func TestWritersWithAnotherClusterID(t *testing.T) {
	node := func(fault disturb.Kind) func(*script) {
		return func(t *script) {
			t.fault(fault)
			t.add(`k0 truth node n1 value="InternalIP=192.168.0.1 cluster=c1/1" op=put owner=CiliumNode/n1 rv=%d`, t.n)
			t.up("etcd", "r0", "s0")
			t.up("writer", "r0", "")
			t.add(`r0 put node cilium/state/nodes/v1/c1/n1 value="InternalIP=192.168.0.1 cluster=c1/7" owner=lease1 store=s0 rev=%d`, t.n)
			t.add(`r0 put node cilium/state/nodes/v1/c1/n1 value="InternalIP=192.168.0.1 cluster=c1/1" owner=lease1 store=s0 rev=%d`, t.n)
		}
	}
	require.Equal(t, []string{"other-cluster-id"}, needed(in(t, mode.ClusterMesh, node(disturb.ConfigWrong))))
	requireVerdict(t, in(t, mode.ClusterMesh, node(disturb.EtcdLate)), `gets "InternalIP=192.168.0.1 cluster=c1/7"`, "it needs a fault that starts a writer with another cluster ID, and there is none")
}

func TestFollows(t *testing.T) {
	for _, name := range mode.Variants() {
		m, known := mode.InWorld(name)
		require.True(t, known)
		err := Follows(m)
		if m.HandsOver() && m.Policy != mode.ByCutover {
			require.ErrorContains(t, err, "runs of the mode "+name+" are no behaviours of the model")
			continue
		}
		require.NoError(t, err, name)
	}
}
