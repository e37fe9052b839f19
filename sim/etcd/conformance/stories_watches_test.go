package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watchStories are about what watches are told.
var watchStories = []Story{
	{"watch what is coming", func(s *Stage) {
		s.put("a", "0")
		w := s.hearing("", clientv3.WithPrefix())
		s.put("a", "1")
		s.delete("", clientv3.WithPrefix())
		s.delete("a")
		s.put("b", "1")
		s.commit("transaction", s.Txn(s.ctx).Then(clientv3.OpPut(s.key("c"), "1"), clientv3.OpDelete(s.key("b")), clientv3.OpPut(s.key("a"), "2")))
		w.hears(6)
		w.ends()
	}},
	{"watch from an old revision", func(s *Stage) {
		s.put("a", "1")
		s.put("b", "1")
		s.put("a", "2")
		s.delete("a")
		s.put("a", "3")
		for _, opts := range [][]clientv3.OpOption{
			{}, {clientv3.WithPrevKV()}, {clientv3.WithFilterPut()}, {clientv3.WithFilterDelete(), clientv3.WithPrevKV()}, {clientv3.WithRange(s.key("b"))},
		} {
			w := s.hearing("a", append(opts, clientv3.WithRev(s.base+1))...)
			s.put("a", "end")
			s.delete("a")
			if len(opts) == 1 {
				w.hears(3)
			} else {
				w.hears(4)
			}
			w.ends()
		}
	}},
	{"watch from a future revision", func(s *Stage) {
		w := s.hearing("", clientv3.WithPrefix(), clientv3.WithRev(s.base+3))
		for i := range 4 {
			s.put("a", fmt.Sprint(i+1))
		}
		w.hears(2)
		w.ends()
	}},
	{"watch from a compacted revision", func(s *Stage) {
		for range 5 {
			s.put("a", "1")
		}
		s.compact(3)
		w := s.hearing("a", clientv3.WithRev(s.base+2))
		w.told()
		w.told()
		for _, at := range []int64{3, 4} {
			w = s.hearing("a", clientv3.WithRev(s.base+at))
			w.hears(int(6 - at))
			w.ends()
		}
		w = s.hearing("nobody", clientv3.WithRev(1))
		w.told()
	}},
	{"compaction under an open watch", func(s *Stage) {
		w := s.hearing("", clientv3.WithPrefix(), clientv3.WithPrevKV())
		s.put("a", "1")
		s.put("a", "2")
		w.hears(2)
		s.compact(2)
		s.put("a", "3")
		w.hears(1)
		s.put("a", "4")
		s.compact(4)
		w.hears(1)
		w.ends()
	}},
	{"previous values that are compacted", func(s *Stage) {
		s.put("a", "1")
		s.put("a", "2")
		s.put("a", "3")
		s.compact(2)
		w := s.hearing("a", clientv3.WithRev(s.base+2), clientv3.WithPrevKV())
		w.hears(2)
		w.ends()
	}},
	{"watches that end, of many", func(s *Stage) {
		first := s.hearing("a")
		second := s.hearing("a", clientv3.WithPrefix())
		s.put("a", "1")
		first.hears(1)
		first.ends()
		s.put("a", "2")
		second.hears(2)
		third := s.hearing("a", clientv3.WithRev(s.base+1))
		third.hears(2)
		second.ends()
		third.ends()
	}},
	{"progress on request", func(s *Stage) {
		w := s.hearing("a")
		other := s.hearing("b")
		request := func() { s.note("request", s.RequestProgress(s.ctx), "") }
		request()
		w.told()
		other.told()
		s.put("c", "1")
		s.put("a", "1")
		w.hears(1)
		request()
		w.told()
		other.told()
		other.ends()
		w.ends()
	}},
	{"progress by itself", func(s *Stage) {
		s.put("c", "1")
		w := s.hearing("a", clientv3.WithProgressNotify())
		w.told()
		s.put("a", "1")
		w.hears(1)
		w.ends()
	}},
	{"fragments", func(s *Stage) {
		const large = 600_000
		for i := range 6 {
			s.put(fmt.Sprintf("%d", i), strings.Repeat("x", large))
		}
		w := s.hearing("", clientv3.WithPrefix(), clientv3.WithRev(s.base+1), clientv3.WithFragment())
		w.hears(6)
		w.ends()
		w = s.hearing("", clientv3.WithPrefix(), clientv3.WithRev(s.base+1)) // in one piece
		w.told()
		w.ends()
		s.delete("", clientv3.WithPrefix())
	}},
	{"many events at one revision", func(s *Stage) {
		w := s.hearing("", clientv3.WithPrefix(), clientv3.WithPrevKV())
		ops := []clientv3.Op{}
		for i := range 9 {
			ops = append(ops, clientv3.OpPut(s.key(fmt.Sprint(8-i)), "1"))
		}
		s.commit("put all", s.Txn(s.ctx).Then(ops...))
		s.delete("", clientv3.WithPrefix())
		w.hears(18)
		w.ends()
	}},
	{"watch without a leader's word", func(s *Stage) {
		w := client{s.Client, clientv3.WithRequireLeader(s.ctx), s}.hearing("a")
		s.put("a", "1")
		w.hears(1)
		w.ends()
		ctx, cancel := context.WithTimeout(s.ctx, 100*time.Millisecond)
		defer cancel()
		for range s.Watch(ctx, s.key("b")) {
			s.note("watch b", nil, "an answer")
		}
		s.note("watch b", ctx.Err(), "")
	}},
}
