package tracevalidation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What bugs of testdata/planted do, in the fewest records: each leaves one that
// nothing explains.
func TestPlantedBugsAreNoBehaviour(t *testing.T) {
	failOver := func(t *script) {
		t.replica("r1", "s1", "web")
		t.disconnect("a0", "r0", "s0")
	}
	for name, c := range map[string]struct {
		tell      func(*script)
		says, why string
	}{
		"stale-keys-not-drained": {
			func(t *script) {
				failOver(t)
				t.release("web", "web")
				t.del("r0", "s0")
				t.del("r1", "s1")
				t.connect("a0", "r1", "s1")
			},
			`the run ends, and agent a0 still has "web" for the endpoint 10.0.0.1, of which the etcd that it reads has nothing`,
			"it must happen sooner or later, and has not; r1 has had that since",
		},
		"ipcache-ignores-deletes": {
			func(t *script) {
				t.release("web", "web")
				t.del("r0", "s0")
			},
			`the run ends, and agent a0 still has "web"`,
			"it must happen sooner or later, and has not; r0 has had that since",
		},
		"watch-skips-a-revision": {
			func(t *script) {
				t.claim("web", "web2")
				t.put("r0", "s0", "web2")
			},
			`the run ends, and agent a0 still has "web" for the endpoint 10.0.0.1, of which the etcd that it reads has "web2"`,
			"it must happen sooner or later, and has not; r0 has had that since",
		},
		"drained-before-list": {
			func(t *script) {
				failOver(t)
				t.connect("a0", "r1", "s1")
				t.drop("a0")
				t.see("a0", "web")
			},
			`agent a0 drops the endpoint 10.0.0.1, of which it had "web"`,
			`r1 had "web"; it was never gone`,
		},
		"canaries-not-awaited": {
			func(t *script) {
				t.disconnect("a0", "r0", "s0")
				t.up("etcd", "r1", "s1")
				t.up("writer", "r1", "")
				t.connect("a0", "r1", "s1")
				t.drop("a0")
				t.put("r1", "s1", "web")
				t.canary("r1", "s1")
				t.see("a0", "web")
			},
			`agent a0 drops the endpoint 10.0.0.1, of which it had "web"`,
			"there is no canary",
		},
		"canary-before-list": {
			func(t *script) {
				t.up("etcd", "r1", "s1")
				t.up("writer", "r1", "")
				t.canary("r1", "s1")
				t.put("r1", "s1", "web")
			},
			`the etcd of r1 (store s1) gets the canary of its kind while it has nothing of the endpoint 10.0.0.1`,
			`the writer lists what there was when it started ("web") or later`,
		},
		"cluster-id-not-checked": {
			func(t *script) {
				failOver(t)
				t.claim("web", "web2")
				t.put("r0", "s0", "web2")
				t.put("r1", "s1", "web2")
				t.connect("a0", "r1", "s1")
			},
			`the run ends, and agent a0 still has "web" for the endpoint 10.0.0.1, of which the etcd that it reads has "web2"`,
			"it needs an etcd that was emptied in the same pod while the agent read it, and there is none",
		},
		"failed-put-not-retried": {
			func(t *script) { t.claim("web", "web2") },
			`the run ends, and the etcd of r0 (store s0) still has "web" of the endpoint 10.0.0.1`,
			`it must happen sooner or later, and has not; of later writes rv 10 leaves "web2"; none leaves "web"`,
		},
		"expired-lease-not-recreated": {
			func(t *script) {
				t.expire("r0", "s0")
				t.drop("a0")
			},
			`the run ends, and the etcd of r0 (store s0) still has nothing of the endpoint 10.0.0.1`,
			"r0 has delivered every write already",
		},
		"next-owner-not-promoted": {
			func(t *script) {
				t.claim("api", "api")
				t.release("web", "web")
			},
			`the run ends, and the etcd of r0 (store s0) still has "web" of the endpoint 10.0.0.1`,
			`it must happen sooner or later, and has not; of later writes rv 10 leaves "web", rv 11 leaves "api"`,
		},
		"delete-retried-too-late": {
			func(t *script) {
				t.release("web", "web")
				t.claim("api", "api")
				t.put("r0", "s0", "api")
				t.see("a0", "api")
				t.del("r0", "s0")
			},
			`the etcd of r0 (store s0) deletes the endpoint 10.0.0.1, of which it had "api"`,
			"r0 has delivered every write already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := told(t, c.tell)
			require.NotEmpty(t, v.Unexplained)
			require.Contains(t, v.Unexplained[0].Sentence, c.says)
			require.Contains(t, v.Text(1), c.why)
			require.False(t, v.Holds())
		})
	}
}
