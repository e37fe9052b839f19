package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// memberStories are about an etcd of three members.
var memberStories = []Story{
	{"members", func(s *Stage) {
		s.members()
		leaders := map[uint64]bool{}
		for i := range s.Members {
			r, err := s.caughtUp(i).status()
			s.note(fmt.Sprintf("status of %d", i), err, fmt.Sprintf("learner %v, knows a leader %v", r.IsLearner, r.Leader != 0))
			leaders[r.Leader] = true
		}
		s.note("leaders", nil, fmt.Sprint(len(leaders)))
	}},
	{"written through one, read through another", func(s *Stage) {
		for i := range 6 {
			s.at(i%3).put("a", fmt.Sprint(i))
			other := s.at((i + 1) % 3)
			other.get("a") // which awaits what was written
			other.get("a", clientv3.WithSerializable())
		}
		s.at(1).get("a", clientv3.WithRev(s.base+2))
		s.at(2).get("a", clientv3.WithRev(s.base+100))
		s.at(1).commit("compare and swap", s.at(1).Txn(s.ctx).If(clientv3.Compare(clientv3.Value(s.key("a")), "=", "5")).Then(clientv3.OpPut(s.key("a"), "6")))
		s.at(2).delete("a", clientv3.WithPrevKV())
	}},
	{"watched through another", func(s *Stage) {
		w := s.caughtUp(1).hearing("", clientv3.WithPrefix(), clientv3.WithPrevKV())
		ahead := s.caughtUp(2).hearing("", clientv3.WithPrefix(), clientv3.WithRev(s.base+3))
		for i := range 6 {
			s.at(i%3).put(fmt.Sprintf("%d", i%2), fmt.Sprint(i))
		}
		s.delete("", clientv3.WithPrefix())
		w.hears(8)
		ahead.hears(6)
		w.ends()
		ahead.ends()
	}},
	{"compacted through another", func(s *Stage) {
		for range 5 {
			s.put("a", "1")
		}
		s.at(1).compact(4)
		for i := range s.Members {
			c := s.at(i)
			c.get("a") // which awaits the compaction
			w := c.hearing("a", clientv3.WithRev(s.base+2))
			w.told()
			c.get("a", clientv3.WithRev(s.base+3))
			c.compact(3)
		}
	}},
	{"a lease of all members", func(s *Stage) {
		id := s.at(1).grant("l", 6)
		for i := range s.Members {
			s.at(i).put(fmt.Sprint(i), "1", clientv3.WithLease(id))
		}
		for i := range 4 {
			time.Sleep(time.Second)
			s.at(i % s.Members).keepAlive(id)
			s.at(i % s.Members).keysOf(id)
		}
		w := s.caughtUp(2).hearing("", clientv3.WithPrefix())
		w.hears(3) // it ends, at one revision
		for i := range s.Members {
			s.at(i).get("", clientv3.WithPrefix())
			s.at(i).keepAlive(id)
			s.at(i).keysOf(id)
		}
		w.ends()
	}},
	{"a lease that is revoked through another", func(s *Stage) {
		id := s.at(0).grant("l", 100)
		s.at(1).put("a", "1", clientv3.WithLease(id))
		s.at(2).revoke(id)
		s.at(0).revoke(id)
		s.at(1).get("a")
		s.at(1).put("a", "1", clientv3.WithLease(id))
	}},
	{"contenders at two members", func(s *Stage) {
		a, b := s.at(1).contender("a", 60), s.at(2).contender("b", 60)
		a.lock()
		then := b.locksLater()
		a.owns()
		a.unlock()
		then()
		b.owns()
		s.note("a tries", a.mutex.TryLock(s.ctx), "")
		b.unlock()
	}},
	{"a learner that never comes", func(s *Stage) {
		r, err := s.MemberAddAsLearner(s.ctx, []string{s.Unused})
		s.note("add a learner", err, "")
		s.members()
		s.put("a", "1")
		if err != nil {
			return
		}
		s.allCaughtUp()
		_, err = s.MemberAddAsLearner(s.ctx, []string{s.Unused})
		s.note("add it again", err, "")
		s.allCaughtUp()
		_, err = s.MemberPromote(s.ctx, r.Member.ID)
		s.note("promote it", err, "")
		_, err = s.MemberPromote(s.ctx, 1)
		s.note("promote who is not there", err, "")
		_, err = s.MemberRemove(s.ctx, r.Member.ID)
		s.note("remove it", err, "")
		s.allCaughtUp()
		_, err = s.MemberRemove(s.ctx, r.Member.ID)
		s.note("remove it again", err, "")
		s.members()
	}},
	{"a member is away, then two", func(s *Stage) {
		s.put("a", "1")
		watching := s.at(0).hearing("a")
		led := client{s.Client, clientv3.WithRequireLeader(s.ctx), s}
		lease := s.grant("l", 600)
		s.Stop(2)
		s.awaitLeader()
		s.put("a", "2")
		s.get("a")
		s.keepAlive(lease)
		watching.hears(1)
		ledWatch := led.hearing("b")
		s.Stop(1)
		s.awaitNoLeader()
		ledWatch.told()
		s.get("a", clientv3.WithSerializable())
		s.within(time.Second, func(c client) { c.get("a") })
		s.within(time.Second, func(c client) { c.members() })
		s.within(time.Second, func(c client) {
			client{c.Client, clientv3.WithRequireLeader(c.ctx), s}.hearing("b")
		})
		s.within(10*time.Second, func(c client) { c.put("a", "3") }) // which the server gives up first
		s.Restart(1)
		s.awaitLeader()
		s.put("b", "1")
		s.at(1).get("b")
		s.Restart(2)
		s.at(2).get("b")
		s.at(2).keepAlive(lease)
		watching.ends()
	}},
}

// caughtUp is a client of a member that has applied all that was written before. A member that is
// asked of itself, for its status or where a watch opens, may be behind the one that wrote.
func (s *Stage) caughtUp(member int) client {
	c := s.at(member)
	if _, err := c.Get(c.ctx, s.key("caught up")); err != nil { // linearizable
		s.note(fmt.Sprintf("member %d catches up", member), err, "")
	}
	return c
}

// allCaughtUp returns when all members have applied all that was written before. A leader drops a
// change of members in silence, and who asked for it waits in vain, as long as it has not applied
// the one before (stepLeader in raft.go of go.etcd.io/raft: "ignoring conf change"); the member that
// has answered that one may be ahead of it.
func (s *Stage) allCaughtUp() {
	for i := range s.Members {
		s.caughtUp(i)
	}
}

// within is what a client does that has so much time.
func (s *Stage) within(long time.Duration, do func(client)) {
	ctx, cancel := context.WithTimeout(s.ctx, long)
	defer cancel()
	do(client{s.Client, ctx, s})
}

func (c client) status() (*clientv3.StatusResponse, error) {
	r, err := c.Status(c.ctx, c.Endpoints()[0])
	if err != nil {
		r = &clientv3.StatusResponse{}
	}
	return r, err
}

// members notes who there is.
func (c client) members() {
	r, err := c.MemberList(c.ctx)
	answer := ""
	if err == nil {
		kinds := []string{}
		for _, m := range r.Members {
			kind := []string{"a member"}
			if m.IsLearner {
				kind = append(kind, "learner")
			}
			if m.Name == "" {
				kind = append(kind, "not started")
			}
			kinds = append(kinds, fmt.Sprintf("%s (%d peer URL, %d client URLs)", strings.Join(kind, ", "), len(m.PeerURLs), len(m.ClientURLs)))
		}
		slices.Sort(kinds) // their IDs are made of their URLs
		answer = strings.Join(kinds, "; ")
	}
	c.stage.note("members", err, answer)
}

// awaitLeader returns when the first member does its work; until then it answers this or that.
func (s *Stage) awaitLeader() {
	for s.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		_, err := s.Get(ctx, s.key("leader"))
		cancel()
		if err == nil {
			return
		}
	}
}

// awaitNoLeader returns when the first member knows that there is no leader.
func (s *Stage) awaitNoLeader() {
	for s.ctx.Err() == nil {
		if r, err := s.status(); err == nil && r.Leader == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
