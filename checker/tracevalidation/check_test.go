package tracevalidation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/disturb"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What the model allows, be it good or bad, has an explanation without a deviation.
func TestBehavioursOfTheModel(t *testing.T) {
	for name, tell := range map[string]func(*script){
		"quiet": func(t *script) {},
		"a pod goes, and its address is used again": func(t *script) {
			t.release("web", "web")
			t.del("r0", "s0")
			t.drop("a0")
			t.claim("api", "api")
			t.put("r0", "s0", "api")
			t.see("a0", "api")
		},
		"a writer that is late puts the last of three contents": func(t *script) {
			t.claim("web", "web2")
			t.claim("web", "web3")
			t.put("r0", "s0", "web3")
			t.see("a0", "web3")
		},
		"an agent that is late sees the last of three versions": func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.claim("web", "web3")
			t.put("r0", "s0", "web3")
			t.see("a0", "web3")
		},
		"an agent is behind, and sees one after the other": func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.claim("web", "web3")
			t.put("r0", "s0", "web3")
			t.see("a0", "web2")
			t.see("a0", "web3")
		},
		"the first of two owners keeps the address until it lets go": func(t *script) {
			t.claim("api", "api")
			t.release("web", "web")
			t.put("r0", "s0", "api")
			t.see("a0", "api")
		},
		"fail-over to a replica that is behind, which takes the agent back": func(t *script) {
			t.replica("r1", "s1", "web")
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r1", "s1")
			t.see("a0", "web")
			t.put("r1", "s1", "web2")
			t.see("a0", "web2")
		},
		"fail-over to a replica that does not have the key yet": func(t *script) {
			t.replica("r1", "s1", "web")
			t.release("web", "web")
			t.del("r1", "s1")
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r1", "s1")
			t.drop("a0")
			t.del("r0", "s0")
		},
		"a writer's restart leaves an orphan": func(t *script) {
			t.down("writer", "r0")
			t.release("web", "web")
			t.up("writer", "r0", "")
			t.canary("r0", "s0")
		},
		"what a writer sent arrives after its end": func(t *script) {
			t.claim("web", "web2")
			t.down("writer", "r0")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.up("writer", "r0", "")
		},
		"a pod is lost, and a new one lists": func(t *script) {
			t.down("writer", "r0")
			t.down("etcd", "r0")
			t.disconnect("a0", "r0", "s0")
			t.claim("web", "web2")
			t.replica("r0", "s1", "web2")
			t.connect("a0", "r0", "s1")
			t.see("a0", "web2")
		},
		"an agent reconnects with the same store, and its watch goes on": func(t *script) {
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.claim("web", "web3")
			t.put("r0", "s0", "web3")
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r0", "s0")
			t.see("a0", "web2")
			t.see("a0", "web3")
		},
		"an agent hears nothing from an etcd that was emptied in its pod": func(t *script) {
			t.down("writer", "r0")
			t.down("etcd", "r0")
			t.disconnect("a0", "r0", "s0")
			t.release("web", "web")
			t.replica("r0", "s0/2", "")
			t.connect("a0", "r0", "s0/2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := told(t, tell)
			require.Empty(t, v.Unexplained)
			require.Empty(t, v.Needed)
			require.True(t, v.Holds())
			require.Equal(t, 1, v.Keys)
			require.Positive(t, v.Explained)
		})
	}
}

// Each deviation explains what nothing else does, and does not without its cause.
func TestDeviationsNeedTheirCause(t *testing.T) {
	lapse := func(cause bool) func(*script) {
		return func(t *script) {
			lease := "lease1"
			if !cause {
				lease = "lease2"
			}
			t.add("r0 lease - %s op=expire store=s0", lease)
			t.expire("r0", "s0")
			t.drop("a0")
			t.put("r0", "s0", "web")
			t.see("a0", "web")
		}
	}
	emptied := func(cause bool) func(*script) {
		return func(t *script) {
			if !cause {
				t.down("writer", "r0")
			}
			t.down("etcd", "r0")
			t.disconnect("a0", "r0", "s0")
			t.up("etcd", "r0", "s0/2")
			if !cause {
				t.up("writer", "r0", "")
			}
			t.canary("r0", "s0/2")
			t.put("r0", "s0/2", "web")
			t.connect("a0", "r0", "s0/2")
		}
	}
	staleList := func(cause bool) func(*script) {
		return func(t *script) {
			if cause {
				t.fault(disturb.CacheBehind)
			}
			t.claim("web", "web2")
			t.put("r0", "s0", "web2")
			t.see("a0", "web2")
			t.replica("r1", "s1", "web")
			t.put("r1", "s1", "web2")
		}
	}
	twoOwners := func(cause bool) func(*script) {
		return func(t *script) {
			if cause {
				t.claim("api", "api")
			}
			t.release("web", "web")
			if !cause {
				t.claim("api", "api")
			}
			t.put("r0", "s0", "api")
			t.see("a0", "api")
			t.claim("db", "db")
			if cause {
				t.release("api", "api")
			}
			t.del("r0", "s0")
			t.drop("a0")
			if cause {
				t.put("r0", "s0", "db")
				t.see("a0", "db")
			}
		}
	}
	stalled := func(cause bool) func(*script) {
		return func(t *script) {
			if cause {
				t.fault(disturb.EtcdLate)
			}
			t.claim("web", "web2")
			t.claim("web", "web3")
			t.down("writer", "r0")
			t.claim("web", "web4")
			t.up("writer", "r0", "")
			t.put("r0", "s0", "web2")
			t.put("r0", "s0", "web4")
			t.see("a0", "web4")
		}
	}
	otherFirst := func(cause bool) func(*script) {
		return func(t *script) {
			if cause {
				t.claim("api", "api")
			}
			t.replica("r1", "s1", "api")
			t.put("r1", "s1", "web")
		}
	}
	namespaceAgain := func(cause bool) func(*script) {
		return func(t *script) {
			t.release("web", "web")
			t.del("r0", "s0")
			t.drop("a0")
			if cause {
				t.namespace()
			}
			t.put("r0", "s0", "web")
			t.del("r0", "s0")
		}
	}
	hidden := func(cause bool) func(*script) {
		return func(t *script) {
			t.release("web", "web")
			t.del("r0", "s0")
			t.drop("a0")
			t.add("k0 write Namespace ns value=labels=a=x op=create rv=%d", t.n)
			if cause {
				t.add("k0 write Namespace ns value=hidden=true op=update rv=%d", t.n)
			}
			t.put("r0", "s0", `"id=7 pod=ns/web"`)
			t.del("r0", "s0")
		}
	}
	hears := func(cause bool) func(*script) {
		return func(t *script) {
			store := "s1"
			if cause {
				store = "s0/2"
			}
			t.down("writer", "r0")
			t.down("etcd", "r0")
			t.claim("web", "web2")
			t.replica("r0", store, "web2")
			t.claim("web", "web3")
			t.put("r0", store, "web3")
			t.claim("web", "web4")
			t.put("r0", store, "web4")
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r0", store)
			t.see("a0", "web3")
			t.see("a0", "web4")
		}
	}
	drains := func(cause bool) func(*script) {
		return func(t *script) {
			t.identity()
			if !cause {
				t.listed()
			}
			t.dropIdentity()
			t.disconnect("a0", "r0", "s0")
			t.connect("a0", "r0", "s0")
			t.seeIdentity()
			t.listed()
		}
	}
	for name, c := range map[string]struct {
		tell   func(cause bool) func(*script)
		needed []string
		says   string // of the record that is unexplained without the cause
		why    string // of the deviation
	}{
		"lease-expires": {lapse, []string{"lease-expires", "writes-again"},
			`deletes the endpoint 10.0.0.1, of which it had "web"`, "it needs a deletion that no client asked for, and the end of the lease that the key had, and there is none"},
		"canary-before-keys": {emptied, []string{"writes-again", "canary-before-keys"},
			`gets the canary of its kind while it has nothing of the endpoint 10.0.0.1`, "it needs a fault that keeps a watch cache behind, and there is none"},
		"stale-list": {staleList, []string{"stale-list"},
			`the etcd of r1 (store s1) gets "web" for the endpoint 10.0.0.1, of which it had nothing`, "it needs a fault that keeps a watch cache behind, and there is none"},
		"stalled-request": {stalled, []string{"stalled-request"},
			`the etcd of r0 (store s0) gets "web2" for the endpoint 10.0.0.1, of which it had "web"`, "it needs a fault that stalls an etcd or makes it slow, or has another writer start at once, and there is none"},
		"deleted-between-owners": {twoOwners, []string{"deleted-between-owners"},
			`deletes the endpoint 10.0.0.1, of which it had "api"`, "it needs an object that let the key go while another one claimed it, and there is none"},
		"other-claim-first": {otherFirst, []string{"other-claim-first"},
			`the etcd of r1 (store s1) gets "api"`, "it needs a time at which several objects claimed the key, and there is none"},
		"informers-apart": {namespaceAgain, []string{"informers-apart"},
			`gets "web" for the endpoint 10.0.0.1, of which it had nothing`, "it needs a namespace that was created or shown after the content was deleted, or hidden before it came, and there is none"},
		"informers-apart, hidden": {hidden, []string{"informers-apart"},
			`gets "id=7 pod=ns/web" for the endpoint 10.0.0.1, of which it had nothing`, "its cause is in the history, but it does not lead to this"},
		"hears-again": {hears, []string{"hears-again"},
			`agent a0 takes over "web3"`, "it needs an etcd that was emptied in the same pod, and a connection of the agent with it before and after, and there is none that leads to this"},
		"drains-part-of-list": {drains, []string{"drains-part-of-list"},
			`agent a0 drops the identity 7, of which it had "app=web"`, "it needs an identity that came with connections which ended before the agent had listed all of them, and there is none that leads to this"},
	} {
		t.Run(name, func(t *testing.T) {
			v := told(t, c.tell(true))
			require.Empty(t, v.Unexplained)
			require.Equal(t, c.needed, needed(v))

			v = told(t, c.tell(false))
			require.NotEmpty(t, v.Unexplained)
			require.Contains(t, v.Unexplained[0].Sentence, c.says)
			var whys []string
			for _, c := range v.Unexplained[0].Candidates {
				whys = append(whys, c.Why)
			}
			require.Contains(t, whys, c.why)
		})
	}
}

// A queue that merges the events of an object hides what it had last.
func TestWriterNeedNotLearnOfTheLastContentOfAClaim(t *testing.T) {
	v := told(t, func(t *script) {
		t.claim("web", "web2")
		t.claim("db", "db")
		t.release("web", "web2")
		t.del("r0", "s0")
		t.drop("a0")
		t.put("r0", "s0", "db")
		t.see("a0", "db")
	})
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"deleted-between-owners"}, needed(v))
}

// needed are the names of the deviations that a verdict needs.
func needed(v *Verdict) (names []string) {
	for _, n := range v.Needed {
		names = append(names, n.Name)
	}
	return names
}

// Where a record has several explanations, each is followed up: here a key that is not
// put after its canary may yet be put, and a lease may have ended what the writer had
// not heard to be deleted.
func TestEveryExplanationIsFollowedUp(t *testing.T) {
	v := told(t, func(t *script) {
		t.down("etcd", "r0")
		t.disconnect("a0", "r0", "s0")
		t.up("etcd", "r0", "s0/2")
		t.release("web", "web")
		t.canary("r0", "s0/2")
		t.put("r0", "s0/2", "web")
		t.del("r0", "s0/2")
		t.connect("a0", "r0", "s0/2")
		t.drop("a0")
	})
	require.Empty(t, v.Unexplained)

	v = told(t, func(t *script) {
		t.release("web", "web")
		t.expire("r0", "s0")
		t.put("r0", "s0", "web")
		t.del("r0", "s0")
		t.drop("a0")
	})
	require.Empty(t, v.Unexplained)
}

// What a pass rests on is not nothing.
func TestNothingIsUnknown(t *testing.T) {
	v := Check(index.New(&history.History{}), mode.Default)
	require.False(t, v.Holds())
	require.Equal(t, "unknown: explained 0 changes of 0 keys, in 0 projections", v.Text(0))
}

func TestKeysWithTooManyWritesAreUnknown(t *testing.T) {
	v := told(t, func(t *script) {
		for i := range most {
			t.claim("web", fmt.Sprint("web", i))
		}
	})
	require.Empty(t, v.Unexplained)
	require.Equal(t, []string{"endpoint 10.0.0.1"}, v.Unjudged)
	require.False(t, v.Holds())
	require.Contains(t, v.Text(0), "endpoint 10.0.0.1 has more than 255 writes or contents and was not judged")
}

func TestAnAgentMustConnect(t *testing.T) {
	v := told(t, func(t *script) { t.disconnect("a0", "r0", "s0") })
	require.Len(t, v.Unexplained, 1)
	require.Contains(t, v.Unexplained[0].Sentence, "the run ends, and agent a0 is connected with no replica")
	v = told(t, func(t *script) {
		t.disconnect("a0", "r0", "s0")
		t.down("writer", "r0")
		t.down("etcd", "r0")
	})
	require.Empty(t, v.Unexplained, "there is nothing to connect with")
}

// A run that was cut short, or whose replica and agent are gone, owes nothing.
func TestNothingIsDueBeforeTheEnd(t *testing.T) {
	var cut script
	cut.start()
	cut.claim("web", "web2")
	require.Empty(t, cut.check(t).Unexplained)
	v := told(t, func(t *script) {
		t.down("writer", "r0")
		t.down("agent", "a0")
		t.claim("web", "web2")
	})
	require.Empty(t, v.Unexplained)
}

// told is the verdict about a history that begins with a replica and an agent at
// rest and ends after what is told.
func told(test *testing.T, tell func(*script)) *Verdict {
	test.Helper()
	var h script
	h.start()
	tell(&h)
	h.end()
	return h.check(test)
}
