package conformance

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

type leaseGrant = etcdserverpb.LeaseGrantRequest

// contender is who wants a lock, with a lease of its own, as Cilium's clients have it
// (pkg/kvstore/etcd.go, LockPath).
type contender struct {
	client
	name    string
	session *concurrency.Session
	mutex   *concurrency.Mutex
}

func (c client) contender(name string, seconds int64) *contender {
	id := c.grant(name, seconds)
	session, err := concurrency.NewSession(c.Client, concurrency.WithLease(id), concurrency.WithTTL(int(seconds)), concurrency.WithContext(c.ctx))
	if err != nil {
		panic(fmt.Sprintf("the story cannot go on: %v", err))
	}
	return &contender{c, name, session, concurrency.NewMutex(session, c.key("lock"))}
}

func (c *contender) lock() {
	c.stage.note(c.name+" locks", c.mutex.Lock(c.ctx), "")
}

// locksLater waits for the lock beside the story, and has its place in the queue when it returns.
func (c *contender) locksLater() (then func()) {
	outcome := make(chan error)
	go func() { outcome <- c.mutex.Lock(c.ctx) }()
	for {
		r, err := c.Get(c.ctx, fmt.Sprintf("%s/%x", c.key("lock"), c.session.Lease()))
		if err != nil || r.Count > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() { c.stage.note(c.name+" locks", <-outcome, "") }
}

func (c *contender) unlock() { c.stage.note(c.name+" unlocks", c.mutex.Unlock(c.ctx), "") }

// owns asks the server whether the lock is the contender's, as Cilium's writes do that need a lock.
func (c *contender) owns() {
	r, err := c.Txn(c.ctx).If(c.mutex.IsOwner()).Commit()
	answer := ""
	if err == nil {
		answer = fmt.Sprint(r.Succeeded)
	}
	c.stage.note(c.name+" owns it", err, answer)
}

// lockStories are about locks and sessions (client/v3/concurrency).
var lockStories = []Story{
	{"two contenders", func(s *Stage) {
		a, b := s.contender("a", 60), s.contender("b", 60)
		a.lock()
		a.owns()
		s.note("b tries", b.mutex.TryLock(s.ctx), "")
		then := b.locksLater()
		a.unlock()
		then()
		b.owns()
		a.owns()
		s.note("a tries", a.mutex.TryLock(s.ctx), "")
		b.unlock()
		b.unlock()
		s.get("lock", clientv3.WithPrefix(), clientv3.WithCountOnly())
	}},
	{"first come, first served", func(s *Stage) {
		a, b, c := s.contender("a", 60), s.contender("b", 60), s.contender("c", 60)
		a.lock()
		then := []func(){b.locksLater(), c.locksLater()}
		a.unlock()
		then[0]()
		b.owns()
		b.unlock()
		then[1]()
		c.owns()
		c.unlock()
	}},
	{"a lost lease frees the lock", func(s *Stage) {
		a, b := s.contender("a", 2), s.contender("b", 60)
		a.lock()
		a.session.Orphan() // it is not kept alive any more
		then := b.locksLater()
		then()
		a.owns()
		b.owns()
		a.unlock()
		b.owns()
		b.unlock()
	}},
	{"a revoked lease frees the lock", func(s *Stage) {
		a, b := s.contender("a", 6), s.contender("b", 60)
		a.lock()
		then := b.locksLater()
		s.revoke(a.session.Lease())
		then()
		<-a.session.Done() // when it is to be kept alive again
		a.owns()
		b.owns()
		a.lock()
		b.unlock()
	}},
	{"a lease that is lost in the queue", func(s *Stage) {
		a, b, c := s.contender("a", 60), s.contender("b", 60), s.contender("c", 60)
		a.lock()
		waiting := []func(){b.locksLater(), c.locksLater()}
		s.revoke(b.session.Lease())
		a.unlock()
		waiting[0]()
		waiting[1]()
		c.unlock()
	}},
	{"who gives up leaves the queue", func(s *Stage) {
		a, b := s.contender("a", 60), s.contender("b", 60)
		a.lock()
		ctx, cancel := context.WithTimeout(s.ctx, 300*time.Millisecond)
		defer cancel()
		s.note("b locks", b.mutex.Lock(ctx), "")
		s.get("lock", clientv3.WithPrefix(), clientv3.WithCountOnly())
		a.unlock()
	}},
	{"a write under a lock", func(s *Stage) {
		a := s.contender("a", 60)
		put := func(what string) {
			s.commit(what, s.Txn(s.ctx).If(a.mutex.IsOwner(), clientv3.Compare(clientv3.Version(s.key("k")), "=", 0)).Then(clientv3.OpPut(s.key("k"), "1")).Else(clientv3.OpGet(s.key("k"))))
		}
		a.lock()
		put("create")
		put("create again")
		s.delete("k")
		a.unlock()
		put("without the lock")
	}},
	{"a session is closed", func(s *Stage) {
		a := s.contender("a", 60)
		s.put("k", "1", clientv3.WithLease(a.session.Lease()))
		s.note("close", a.session.Close(), "")
		<-a.session.Done()
		s.get("k")
		s.note("close again", a.session.Close(), "")
	}},
}
