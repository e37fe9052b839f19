package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/lease"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshcheck/meshcheck/history"
)

// lines returns what was recorded since the last call, each as its line in the
// history without the time, the actor and what it has in common with all others.
func (w *testWorld) lines(s *Server) []string {
	time.Sleep(time.Second)
	lines := []string{}
	for _, r := range w.Recorded() {
		r.From = 0
		_, line, _ := strings.Cut(r.String(), " r0 ")
		line = strings.ReplaceAll(line, " store="+s.Store(), "")
		lines = append(lines, strings.ReplaceAll(line, " peer=a0", ""))
	}
	return lines
}

func hash(value string) string { return history.ValueHash([]byte(value)) }

func grant(t *testing.T, c *clientv3.Client, ttlSeconds int64) clientv3.LeaseID {
	t.Helper()
	g, err := c.Grant(t.Context(), ttlSeconds)
	require.NoError(t, err)
	return g.ID
}

const identityKey = "cilium/state/identities/v1/id/65537"

// A change is recorded at the instant at which it is applied, however many there are: what agents
// are told of it comes after.
func TestChangesAreRecordedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		const changes = 1000
		for range changes {
			s.server.KV().Put([]byte("x"), []byte("1"), lease.NoLease)
		}
		synctest.Wait()
		recorded := w.Recorded()
		require.Len(t, recorded, changes)
		require.Equal(t, recorded[0].At, recorded[changes-1].At)
	})
}

func TestRecordsOfCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		_, err := c.Put(ctx, identityKey, "k8s:b=2;k8s:a=1;")
		require.NoError(t, err)
		put(t, c, "x")
		require.ElementsMatch(t, []string{
			"put identity " + identityKey + " value=k8s:a=1;k8s:b=2 rev=2",
			"call meta " + identityKey + " value=" + hash("k8s:b=2;k8s:a=1;") + " op=put rev=2 bytes=28",
			"put meta x value=1 rev=3",
			"call meta x value=" + hash("1") + " op=put rev=3 bytes=28",
		}, w.lines(s))

		_, err = c.Get(ctx, "cilium/", clientv3.WithPrefix())
		require.NoError(t, err)
		_, err = c.Get(ctx, "", clientv3.WithPrefix(), clientv3.WithLimit(1), clientv3.WithRev(2))
		require.NoError(t, err)
		_, err = c.Get(ctx, "x", clientv3.WithSerializable())
		require.NoError(t, err)
		_, err = c.Get(ctx, "x", clientv3.WithKeysOnly())
		require.NoError(t, err)
		_, err = c.Get(ctx, "x", clientv3.WithRev(100))
		require.Error(t, err)
		_, err = c.Status(ctx, "http://r0:2379")
		require.NoError(t, err)
		answer := identityKey + ":2:" + hash("k8s:b=2;k8s:a=1;")
		require.Equal(t, []string{
			"call meta cilium/ value=" + answer + " op=range end=cilium0 rev=3 bytes=93",
			`call meta "\x00" value=` + answer + ` op=range end="\x00" rv=2 rev=3 bytes=93`,
			"call meta Range op=other rev=3 bytes=44",
			"call meta Range op=other rev=3 bytes=41",
			`call meta Range op=other err="rpc error: code = OutOfRange desc = etcdserver: mvcc: required revision is a future revision"`,
			"call meta Status op=other rev=3 bytes=75",
		}, w.lines(s))
	})
}

func TestRecordsOfTransactions(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		_, err := c.Txn(ctx).Then(clientv3.OpPut("x", "1"), clientv3.OpDelete("y"), clientv3.OpGet("x"), clientv3.OpGet("x", clientv3.WithCountOnly())).Commit()
		require.NoError(t, err)
		require.ElementsMatch(t, []string{
			"put meta x value=1 rev=2",
			"call meta x value=" + hash("1") + " op=put rev=2 bytes=80",
			"call meta y value=0 op=delete rev=2",
			"call meta x value=x:2:" + hash("1") + " op=range rev=2",
		}, w.lines(s))
		_, err = c.Txn(ctx).Commit()
		require.NoError(t, err)
		_, err = c.Txn(ctx).If(clientv3.Compare(clientv3.Version("x"), "=", 0)).Then(clientv3.OpPut("x", "2")).Commit()
		require.NoError(t, err)
		require.Equal(t, []string{"call meta Txn op=other rev=2 bytes=30", "call meta Txn op=other rev=2 bytes=28"}, w.lines(s), "no operation was done")
	})
}

func TestRecordsOfCallsThatFail(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{Before: func(_ context.Context, r Request) error {
			if r.Key == "refused" {
				return status.Error(codes.Aborted, "no")
			}
			return nil
		}})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		_, err := c.Put(ctx, "refused", "1")
		require.Error(t, err)
		_, err = c.Put(ctx, "x", "1", clientv3.WithLease(7))
		require.Error(t, err)
		require.Equal(t, []string{
			`call meta Put op=other err="rpc error: code = Aborted desc = no"`,
			`call meta Put op=other err="rpc error: code = NotFound desc = etcdserver: requested lease not found"`,
		}, w.lines(s), "refused for certain")
		s.StallApply(0)
		go c.Put(ctx, "x", "1")
		go c.Txn(ctx).Then(clientv3.OpPut("y", "1")).Else(clientv3.OpDelete("z")).Commit()
		time.Sleep(time.Second)
		w.etcd.Kill()
		const stopped = ` err="rpc error: code = Canceled desc = etcdserver: request canceled"`
		require.ElementsMatch(t, []string{
			"call meta x value=" + hash("1") + " op=put" + stopped,
			"call meta y value=" + hash("1") + " op=put" + stopped,
			"call meta z op=delete" + stopped,
		}, linesOf("call", w.lines(s)), "the outcome is unknown")
	})
}

func TestRecordsOfLeases(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		id := grant(t, c, 100)
		name := leaseName(int64(id))
		put(t, c, "leased", clientv3.WithLease(id))
		require.ElementsMatch(t, []string{
			"lease - " + name + " value=100 op=grant",
			"put meta leased value=1 owner=" + name + " rev=2",
			"call meta leased value=" + hash("1") + " op=put rev=2 bytes=28",
		}, w.lines(s))

		_, err := c.KeepAliveOnce(ctx, id)
		require.NoError(t, err)
		_, err = c.TimeToLive(ctx, id)
		require.NoError(t, err)
		_, err = c.Revoke(ctx, id)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{
			"lease - " + name + " value=100 op=keepalive",
			"call meta LeaseTimeToLive op=other rev=2 bytes=42",
			"del meta leased rev=3",
			"lease - " + name + " op=revoke",
		}, w.lines(s))

		_, err = c.KeepAliveOnce(ctx, id)
		require.Error(t, err)
		_, err = c.Revoke(ctx, id)
		require.Error(t, err)
		require.Equal(t, []string{
			"lease - " + name + " value=0 op=keepalive",
			"lease - " + name + ` op=revoke err="rpc error: code = NotFound desc = etcdserver: requested lease not found"`,
		}, w.lines(s), "it is unknown")
	})
}

func TestRecordsOfLeasesThatExpire(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		id := grant(t, c, 5)
		put(t, c, "leased", clientv3.WithLease(id))
		w.lines(s)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"lease - " + leaseName(int64(id)) + " op=expire", "del meta leased rev=3"}, w.lines(s))
	})
}

// What a process that was killed had committed, the next one applies before it is
// ready. Of a revocation it cannot know who asked for it.
func TestRecordsOfLeasesThatEndInTheNextProcess(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		id := grant(t, c, 1000)
		w.lines(s)
		s.ready.Store(false)
		_, err := c.Revoke(t.Context(), id)
		require.NoError(t, err)
		records := w.Recorded()
		require.Len(t, records, 2)
		require.Equal(t, []string{"", "a0"}, []string{records[0].Peer, records[1].Peer})
		for _, r := range records {
			require.Equal(t, []string{"lease", "revoke", leaseName(int64(id))}, []string{string(r.Verb), r.Op, r.Key})
		}
	})
}

func TestRecordsOfWatches(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		put(t, c, "a1")
		_, err := c.Delete(ctx, "a1")
		require.NoError(t, err)
		w.lines(s)

		watching, cancel := context.WithCancel(ctx)
		c.Watch(watching, "a", clientv3.WithPrefix(), clientv3.WithRev(2))
		c.Watch(watching, "b", clientv3.WithPrevKV(), clientv3.WithFilterDelete())
		c.Watch(watching, "cilium/state/nodes/v1", clientv3.WithFromKey(), clientv3.WithFilterPut(), clientv3.WithProgressNotify())
		require.Equal(t, []string{
			"watch meta a end=b rev=3 ask=2 id=1",
			"watch meta b value=prev,nodelete rev=3 ask=0 id=2",
			`watch node cilium/state/nodes/v1 value=progress,noput end="\x00" rev=3 ask=0 id=3`,
			`event meta a value="put:a1:2:2:1:` + hash("1") + ` del:a1:3" rev=3 id=1 bytes=57`,
		}, w.lines(s), "several on one stream")

		_, err = c.Txn(ctx).Then(clientv3.OpPut("a1", "2"), clientv3.OpPut("b", "3")).Commit()
		require.NoError(t, err)
		put(t, c, "b")
		require.ElementsMatch(t, []string{
			"event meta a value=put:a1:4:4:1:" + hash("2") + " rev=4 id=1 bytes=45",
			"event meta b value=put:b:4:4:1:" + hash("3") + " rev=4 id=2 bytes=46",
			"event meta b value=put:b:5:4:2:" + hash("1") + ":prev=4 rev=5 id=2 bytes=60",
		}, linesOf("event", w.lines(s)))

		require.NoError(t, c.RequestProgress(watching))
		require.Equal(t, []string{
			"event meta a rev=5 id=1 bytes=39",
			"event meta b rev=5 id=2",
			"event node cilium/state/nodes/v1 rev=5 id=3",
		}, w.lines(s), "one notification for all")
		time.Sleep(25 * time.Minute)
		require.Equal(t, "event node cilium/state/nodes/v1 rev=5 id=3 bytes=30", w.lines(s)[0], "a notification that the watch asked for")

		cancel()
		require.ElementsMatch(t, []string{
			"unwatch meta a value=client id=1",
			"unwatch meta b value=client id=2",
			"unwatch node cilium/state/nodes/v1 value=client id=3",
		}, w.lines(s))
	})
}

// linesOf returns the lines with a verb.
func linesOf(verb string, lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return !strings.HasPrefix(line, verb+" ") })
}

func TestRecordsOfWatchesThatTheServerEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		put(t, c, "a")
		put(t, c, "a")
		_, err := s.Compact(ctx)
		require.NoError(t, err)
		w.lines(s)
		c.Watch(ctx, "a", clientv3.WithRev(2))
		require.Equal(t, []string{"watch meta a rev=3 ask=2 id=1", "unwatch meta a value=compacted rev=3 id=1"}, w.lines(s))

		stream, err := pb.NewWatchClient(c.ActiveConnection()).Watch(ctx)
		require.NoError(t, err)
		create := &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: -1}
		require.NoError(t, stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}))
		require.Equal(t, []string{
			"watch meta a rev=3 ask=-1 id=2",
			`unwatch meta a value="etcdserver: mvcc: required revision has been compacted" id=2`,
		}, w.lines(s), "refused")

		c.Watch(ctx, "a", clientv3.WithRev(200))
		c.Watch(ctx, "b")
		require.Len(t, w.lines(s), 2)
		w.etcd.Kill()
		require.Equal(t, []string{"unwatch meta a value=closed id=3", "unwatch meta b value=closed id=4"}, w.lines(s))
	})
}

// What a client heard without a record would be a revision from nowhere.
func TestServerThatStopsSendsNothingWithoutARecord(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c := w.EtcdClient("a0", "r0")
		heard := c.Watch(t.Context(), "a")
		synctest.Wait()
		s.watches.shutDown()
		put(t, c, "a")
		time.Sleep(time.Second)
		require.Empty(t, heard)
	})
}

func TestRecordsOfFragments(t *testing.T) {
	inBubble(t, func(t *testing.T, w *testWorld) {
		s := w.start(Config{})
		c, ctx := w.EtcdClient("a0", "r0"), t.Context()
		value := strings.Repeat("x", 1<<20)
		for range 3 {
			_, err := c.Put(ctx, "a", value)
			require.NoError(t, err)
		}
		w.lines(s)
		c.Watch(ctx, "a", clientv3.WithRev(2), clientv3.WithFragment())
		put := func(rev, version int) string { return fmt.Sprintf("put:a:%d:2:%d:%s", rev, version, hash(value)) }
		require.Equal(t, []string{
			"watch meta a rev=4 ask=2 id=1",
			"event meta a value=" + put(2, 1) + " rev=4 more=true id=1 bytes=1048627",
			"event meta a value=" + put(3, 2) + " rev=4 more=true id=1 bytes=1048627",
			"event meta a value=" + put(4, 3) + " rev=4 id=1 bytes=1048625",
		}, w.lines(s))
	})
}
