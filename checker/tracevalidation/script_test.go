package tracevalidation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// script writes a history about the address 10.0.0.1, a record each tenth of a
// second. Contents are words, and owners, too.
type script struct {
	text strings.Builder
	n    int
}

func (t *script) add(format string, args ...any) {
	t.n++
	fmt.Fprintf(&t.text, "%d.%d00000000 %s\n", t.n/10, t.n%10, fmt.Sprintf(format, args...))
}

func (t *script) claim(owner, content string) {
	t.add("k0 truth endpoint 10.0.0.1 value=%s op=put owner=CiliumEndpoint/ns/%s rv=%d", content, owner, t.n)
}

func (t *script) release(owner, content string) {
	t.add("k0 truth endpoint 10.0.0.1 value=%s op=del owner=CiliumEndpoint/ns/%s rv=%d", content, owner, t.n)
}

func (t *script) up(kind, host, store string) {
	if store != "" {
		store = " store=" + store
	}
	t.add("%s up %s -%s inc=1", host, kind, store)
}

func (t *script) down(kind, host string) { t.add("%s down %s - inc=1", host, kind) }

const inEtcd = "cilium/state/ip/v1/default/10.0.0.1"

func (t *script) put(host, store, content string) {
	t.add("%s put endpoint %s value=%s owner=lease1 store=%s rev=%d", host, inEtcd, content, store, t.n)
}

// del is the deletion of the key, which the writer asked for.
func (t *script) del(host, store string) {
	t.expire(host, store)
	t.add("%s call meta %s value=1 op=delete peer=%s store=%s rev=%d", host, inEtcd, host, store, t.n-1)
}

// expire is the deletion of the key, which nobody asked for.
func (t *script) expire(host, store string) {
	t.add("%s del endpoint %s store=%s rev=%d", host, inEtcd, store, t.n)
}

// grant is the grant of the lease that put gives keys.
func (t *script) grant(host, store string) {
	t.add("%s lease - lease1 value=900 op=grant peer=%s store=%s", host, host, store)
}

func (t *script) canary(host, store string) {
	for _, prefix := range []string{"identities", "nodes", "ip"} {
		t.add("%s put meta cilium/synced/c1/cilium/state/%s/v1 value=x store=%s rev=%d", host, prefix, store, t.n)
	}
}

func (t *script) connect(agent, host, store string) {
	t.add("%s connect - - peer=%s store=%s", agent, host, store)
}

func (t *script) disconnect(agent, host, store string) {
	t.add("%s disconnect - - value=close peer=%s store=%s", agent, host, store)
}

func (t *script) see(agent, content string) {
	t.add("%s see endpoint 10.0.0.1 value=%s inc=1", agent, content)
}
func (t *script) drop(agent string) { t.add("%s drop endpoint 10.0.0.1 inc=1", agent) }

// identity makes an identity, of which the agent a0 hears from r0.
func (t *script) identity() {
	t.add("k0 truth identity 7 value=app=web op=put owner=CiliumIdentity/7 rv=%d", t.n)
	t.add("r0 put identity cilium/state/identities/v1/id/7 value=app=web store=s0 rev=%d", t.n)
	t.seeIdentity()
}

func (t *script) seeIdentity()  { t.add("a0 see identity 7 value=app=web inc=1") }
func (t *script) dropIdentity() { t.add("a0 drop identity 7 inc=1") }

// listed is the watch that the agent a0 begins once it has all identities of r0.
func (t *script) listed() {
	t.add("r0 watch meta cilium/state/identities/v1/id peer=a0 store=s0 end=cilium/state/identities/v1/ie rev=%d ask=%d id=%d", t.n, t.n, t.n)
}

func (t *script) fault(how disturb.Kind) { t.add("world fault some k0 value=x op=%s rev=1", how) }
func (t *script) namespace()             { t.add("k0 write Namespace ns op=create rv=%d", t.n) }
func (t *script) end()                   { t.add("world phase - end value=bound") }

// start brings up the replica r0 with the store s0, which has what is claimed by web,
// and the agent a0, which reads it.
func (t *script) start() {
	t.claim("web", "web")
	t.replica("r0", "s0", "web")
	t.up("agent", "a0", "")
	t.connect("a0", "r0", "s0")
	t.see("a0", "web")
}

func (t *script) replica(host, store, content string) {
	t.up("etcd", host, store)
	t.up("writer", host, "")
	if content != "" {
		t.put(host, store, content)
	}
	t.canary(host, store)
}

func (t *script) records(test testing.TB) []history.Record {
	test.Helper()
	records, err := history.Parse(t.text.String())
	require.NoError(test, err, t.text.String())
	return records
}

func (t *script) check(test testing.TB) *Verdict {
	test.Helper()
	return Check(index.New(&history.History{Records: t.records(test)}), mode.Default)
}
