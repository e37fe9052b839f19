// Package conformance holds package etcd to etcd's own integration cluster: both are told the same
// stories, and what their clients hear must be the same, word by word. Nothing differs.
//
// One member is that of the world: on the simulated network, in virtual time. Between several, the
// simulated network needs the deterministic runtime, so that here the members of both are on
// loopback, in real time: it is what this project has put around etcd's server that is compared.
package conformance

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/tests/v3/framework/config"
	"go.etcd.io/etcd/tests/v3/framework/integration"

	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/simtest"
)

// stories are those of one member.
var stories = slices.Concat(keyStories, watchStories, leaseStories, lockStories)

func TestMain(m *testing.M) { simtest.Main(m) }

func TestOneMember(t *testing.T) {
	compare(t, 1, stories, func(t *testing.T) (ours [][]string) {
		simtest.Run(t, func(w *simtest.World) {
			_, servers := alone(w)
			ours = playAll(time.Hour, w.T, servers, stories)
		})
		return ours
	})
}

func TestThreeMembers(t *testing.T) {
	compare(t, 3, memberStories, func(t *testing.T) [][]string {
		return playAll(time.Minute, t, three(t), memberStories)
	})
}

// playAll tells stories, each of which takes so long at most.
func playAll(long time.Duration, t *testing.T, servers Servers, stories []Story) (told [][]string) {
	for _, story := range stories {
		ctx, cancel := context.WithTimeout(t.Context(), long)
		told = append(told, Play(ctx, servers, story))
		require.NoError(t, ctx.Err(), "story %q\n%s", story.Name, strings.Join(told[len(told)-1], "\n"))
		cancel()
	}
	return told
}

// compare tells stories to an integration cluster of so many members, and compares what it has
// told with ours.
func compare(t *testing.T, members int, stories []Story, ours func(*testing.T) [][]string) {
	var real [][]string
	t.Run("integration cluster", func(t *testing.T) { // which skips a test that begins with goroutines of others
		integration.BeforeTest(t)
		real = playAll(time.Minute, t, integrationCluster(t, members), stories)
	})
	require.Len(t, real, len(stories))
	for i, told := range ours(t) {
		assert.Equal(t, real[i], told, "story %q", stories[i].Name)
	}
}

// A server that fails deletions does not tell the same.
func TestADifferenceIsSeen(t *testing.T) {
	simtest.Run(t, func(w *simtest.World) {
		member, servers := alone(w)
		story := []Story{keyStories[0], keyStories[0]}
		story[1].Name += " again"
		well := playAll(time.Hour, w.T, servers, story[:1])
		lift := member.Server().FailDeletions(etcd.Refused, 100, 1, "all")
		ill := playAll(time.Hour, w.T, servers, story[1:])
		require.EqualValues(t, 2, lift())
		require.Contains(t, well[0], "delete a: at +3, 1, before [a=2 (created +1, modified +2, version 2)]")
		require.Contains(t, ill[0], "delete a: etcdserver: too many requests")
	})
}

// integrationCluster is etcd's own, with the election timeout that is etcd's default, of a second: the
// shortest lease and the time that a request may take depend on it.
func integrationCluster(t *testing.T, members int) Servers {
	integration.ElectionTicks = int(time.Second / config.TickDuration)
	cluster := integration.NewCluster(t, &integration.ClusterConfig{
		Size:                        members,
		WatchProgressNotifyInterval: 100 * time.Millisecond, // of 10 minutes
	})
	t.Cleanup(func() { cluster.Terminate(t) })
	return Servers{
		Members: members,
		Connect: func(member int) *clientv3.Client {
			c, err := integration.NewClientV3(cluster.Members[member])
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			return c
		},
		Stop:    func(member int) { cluster.Members[member].Stop(t) },
		Restart: func(member int) { require.NoError(t, cluster.Members[member].Restart(t)) },
		Unused:  "unix://" + unused(t),
	}
}

// unused is an address of this machine at which nobody listens.
func unused(t *testing.T) string {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, lis.Close())
	return lis.Addr().String()
}
