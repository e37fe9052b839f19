package conformance

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// leaseStories are about leases, and what is bound to them.
var leaseStories = []Story{
	{"a lease with many keys expires", func(s *Stage) {
		id := s.grant("l", 3)
		w := s.hearing("", clientv3.WithPrefix(), clientv3.WithPrevKV())
		for i := range 9 {
			s.put(fmt.Sprint((i*5)%9), "1", clientv3.WithLease(id))
		}
		s.put("3", "2", clientv3.WithLease(id))
		s.put("other", "1")
		s.keysOf(id)
		w.hears(20) // the last nine at one revision
		s.get("", clientv3.WithPrefix())
		s.keysOf(id)
		w.ends()
	}},
	{"a lease with many keys is revoked", func(s *Stage) {
		id := s.grant("l", 100)
		w := s.hearing("", clientv3.WithPrefix())
		for i := range 5 {
			s.put(fmt.Sprint((i*3)%5), "1", clientv3.WithLease(id))
		}
		s.revoke(id)
		w.hears(10)
		s.revoke(id)
		s.put("a", "1", clientv3.WithLease(id))
		s.keepAlive(id)
		s.keysOf(id)
		w.ends()
	}},
	{"a lease without keys", func(s *Stage) {
		id := s.grant("l", 100)
		s.keysOf(id)
		s.keepAlive(id)
		s.revoke(id)
		s.put("a", "1")
	}},
	{"keys change their lease", func(s *Stage) {
		first, second := s.grant("first", 100), s.grant("second", 100)
		for _, key := range []string{"a", "b", "c", "d"} {
			s.put(key, "1", clientv3.WithLease(first))
		}
		s.put("a", "2", clientv3.WithLease(second))
		s.put("b", "2")
		s.put("c", "2", clientv3.WithIgnoreLease())
		s.delete("d")
		s.put("d", "2")
		s.keysOf(first)
		s.keysOf(second)
		s.revoke(first)
		s.get("", clientv3.WithPrefix())
		s.revoke(second)
		s.get("", clientv3.WithPrefix())
	}},
	{"leases that are refused", func(s *Stage) {
		grant := func(what string, id clientv3.LeaseID, seconds int64) {
			_, err := clientv3.RetryLeaseClient(s.Client).LeaseGrant(s.ctx, &leaseGrant{ID: int64(id), TTL: seconds})
			s.note(what, err, "")
		}
		grant("of a number", 77, 100)
		grant("of the same number", 77, 100)
		grant("of a long time", 78, 9_000_000_001)
		s.grant("of no time", 0)
		s.call(77, "77")
		s.revoke(77)
		s.keepAlive(4242)
	}},
	{"a short lease", func(s *Stage) { s.grant("l", 1) }},
	{"a lease that is kept alive", func(s *Stage) {
		id := s.grant("l", 2)
		s.put("a", "1", clientv3.WithLease(id))
		ctx, cancel := context.WithCancel(s.ctx)
		answers, err := s.KeepAlive(ctx, id)
		s.note("keep alive", err, "")
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
			if r := <-answers; r == nil || r.TTL != 2 {
				s.note("an answer", nil, fmt.Sprint(r))
			}
		}
		s.get("a")
		w := s.hearing("a")
		cancel()
		for range answers { // it is closed
		}
		w.hears(1)
		w.ends()
	}},
	{"keeping an ended lease alive", func(s *Stage) {
		id := s.grant("l", 2)
		answers, err := s.KeepAlive(s.ctx, id)
		s.note("keep alive", err, "")
		<-answers
		s.revoke(id)
		for range answers {
		}
		s.note("the answers", nil, "end")
		s.keepAlive(id)
		again, err := s.KeepAlive(s.ctx, id)
		s.note("keep alive again", err, "")
		_, open := <-again
		s.note("an answer", nil, fmt.Sprint(open))
	}},
	{"a lease begins anew", func(s *Stage) {
		id := s.grant("l", 4)
		s.put("a", "1", clientv3.WithLease(id))
		time.Sleep(2500 * time.Millisecond)
		s.keepAlive(id)
		time.Sleep(2500 * time.Millisecond)
		s.get("a")
		s.revoke(id)
	}},
}
