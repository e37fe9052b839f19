package conformance

import (
	"context"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// keyStories are about reads, writes and transactions.
var keyStories = []Story{
	{"put, get and delete", func(s *Stage) {
		s.put("a", "1")
		s.put("a", "2", clientv3.WithPrevKV())
		s.get("a")
		s.get("nothing")
		s.get("a", clientv3.WithRev(s.base+1))
		s.get("a", clientv3.WithRev(s.base+100))
		s.delete("a", clientv3.WithPrevKV())
		s.delete("a", clientv3.WithPrevKV())
		s.get("a")
		s.put("a", "3", clientv3.WithPrevKV())
	}},
	{"puts that are refused", func(s *Stage) {
		s.put("a", "", clientv3.WithIgnoreValue())
		s.put("a", "1", clientv3.WithIgnoreLease())
		_, err := s.Put(s.ctx, "", "1")
		s.note("put without a key", err, "")
		_, err = s.Get(s.ctx, "")
		s.note("get without a key", err, "")
		s.put("a", "1", clientv3.WithLease(12345))
		s.get("a")
	}},
	{"pages", func(s *Stage) {
		for i := range 7 {
			s.put(fmt.Sprintf("k/%d", i), "1")
		}
		s.put("l/0", "1")
		// As Cilium lists (pkg/kvstore/etcd.go, paginatedList): at the revision of the first page.
		list := func(limit int64, meanwhile func()) {
			start, revision := "k/", int64(0)
			for {
				page := s.get(start, s.end("k0"), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend), clientv3.WithRev(revision), clientv3.WithLimit(limit))
				if page == nil || !page.More || len(page.Kvs) == 0 {
					return
				}
				if revision == 0 {
					revision = page.Header.Revision
				}
				start = strings.TrimPrefix(string(page.Kvs[len(page.Kvs)-1].Key), s.prefix) + "\x00"
				meanwhile()
			}
		}
		list(3, func() {})
		list(7, func() {})
		list(4, func() { s.delete("k/5"); s.put("k/6", "2"); s.put("k/7", "1") })
		list(2, func() { s.put("k/8", "1"); s.compact(13) }) // which the next page comes upon
		s.get("k/6", s.end("l"), clientv3.WithLimit(1), clientv3.WithKeysOnly())
	}},
	{"ranges", func(s *Stage) {
		for _, key := range []string{"b", "a", "c", "b", "d"} {
			s.put(key, "of "+key)
		}
		s.delete("d")
		s.get("", clientv3.WithPrefix())
		s.get("a", s.end("c"))
		s.get("c", s.end("a"))
		s.get("", clientv3.WithPrefix(), clientv3.WithCountOnly())
		s.get("", clientv3.WithPrefix(), clientv3.WithKeysOnly())
		s.get("", clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend))
		s.get("", append(clientv3.WithFirstCreate(), clientv3.WithMinCreateRev(s.base+2))...)
		s.get("", append(clientv3.WithLastCreate(), clientv3.WithMaxCreateRev(s.base+2))...)
		s.get("", clientv3.WithPrefix(), clientv3.WithMinModRev(s.base+3), clientv3.WithMaxModRev(s.base+3))
		s.get("b", clientv3.WithFromKey(), clientv3.WithLimit(1))
		s.get("", clientv3.WithPrefix(), clientv3.WithSerializable())
		s.delete("b", s.end("d"), clientv3.WithPrevKV())
		s.delete("", clientv3.WithPrefix())
	}},
	{"transactions", func(s *Stage) {
		value := func(key, is string) clientv3.Cmp { return clientv3.Compare(clientv3.Value(s.key(key)), "=", is) }
		absent := func(key string) clientv3.Cmp {
			return clientv3.Compare(clientv3.Version(s.key(key)), "=", 0)
		}
		put := func(key, value string) clientv3.Op { return clientv3.OpPut(s.key(key), value) }
		get := func(key string) clientv3.Op { return clientv3.OpGet(s.key(key)) }
		s.commit("create", s.Txn(s.ctx).If(absent("a")).Then(put("a", "1")))
		s.commit("create again", s.Txn(s.ctx).If(absent("a")).Then(put("a", "2")).Else(get("a")))
		s.commit("value of nothing", s.Txn(s.ctx).If(value("b", "")).Then(put("b", "1")).Else(get("b")))
		s.commit("both", s.Txn(s.ctx).If(value("a", "1"), absent("b")).Then(put("b", "1"), put("c", "1"), get("a"), clientv3.OpDelete(s.key("a")), get("a")))
		s.commit("revisions", s.Txn(s.ctx).If(clientv3.Compare(clientv3.ModRevision(s.key("b")), "<", s.base+3), clientv3.Compare(clientv3.CreateRevision(s.key("c")), "!=", s.base)).Then(get("b")))
		s.commit("a range", s.Txn(s.ctx).If(clientv3.Compare(clientv3.Version(s.key("")), ">", 0).WithPrefix()).Then(get("b")).Else(get("c")))
		s.commit("no lease", s.Txn(s.ctx).If(clientv3.Compare(clientv3.LeaseValue(s.key("b")), "=", clientv3.NoLease)).Then(put("b", "2")))
		s.commit("one in another", s.Txn(s.ctx).If(value("b", "2")).Then(clientv3.OpTxn([]clientv3.Cmp{absent("d")}, []clientv3.Op{put("d", "1")}, nil), put("e", "1")))
		s.commit("a key twice", s.Txn(s.ctx).Then(put("a", "x"), put("a", "y")))
		s.commit("nothing", s.Txn(s.ctx))
		s.commit("future", s.Txn(s.ctx).Then(clientv3.OpGet(s.key("a"), clientv3.WithRev(s.base+100))))
		s.commit("no lease there", s.Txn(s.ctx).Then(put("f", "1"), clientv3.OpPut(s.key("a"), "1", clientv3.WithLease(12345))))
		s.get("", clientv3.WithPrefix())
	}},
	{"too many, and too large", func(s *Stage) {
		ops := func(n int) (ops []clientv3.Op) {
			for i := range n {
				ops = append(ops, clientv3.OpPut(s.key(fmt.Sprintf("op/%03d", i)), "1"))
			}
			return ops
		}
		count := func(what string, txn clientv3.Txn) {
			r, err := txn.Commit()
			answer := ""
			if err == nil {
				answer = fmt.Sprintf("%d at %s", len(r.Responses), s.rev(r.Header.Revision))
			}
			s.note(what, err, answer)
		}
		count("128 operations", s.Txn(s.ctx).Then(ops(128)...))
		count("129 operations", s.Txn(s.ctx).Then(ops(129)...))
		count("129 that are not chosen", s.Txn(s.ctx).Then(ops(1)...).Else(ops(129)...))
		const limit = 3 << 19 // 1.5 MiB
		s.put("large", strings.Repeat("x", limit-1000))
		s.put("large", strings.Repeat("x", limit+1))
		s.put("huge", strings.Repeat("x", 2<<20))
		s.get("large")
		s.get("huge")
		for i := range 4 {
			s.put(fmt.Sprintf("many/%d", i), strings.Repeat("y", limit-1000))
		}
		s.get("many/", clientv3.WithPrefix()) // an answer may be larger than a request
		s.delete("", clientv3.WithPrefix())
	}},
	{"compaction", func(s *Stage) {
		for range 5 {
			s.put("a", "1")
		}
		s.put("b", "1")
		s.delete("b")
		s.compact(3)
		s.compact(3)
		s.compact(2)
		s.compact(100)
		s.get("a", clientv3.WithRev(s.base+2))
		s.get("a", clientv3.WithRev(s.base+3))
		s.compact(7)
		s.get("b", clientv3.WithRev(s.base+6))
		s.get("a", clientv3.WithRev(s.base+7))
		s.get("a")
		s.commit("compacted", s.Txn(s.ctx).Then(clientv3.OpGet(s.key("a"), clientv3.WithRev(s.base+2))))
	}},
	{"a call that is given up", func(s *Stage) {
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		_, err := s.Put(ctx, s.key("a"), "1")
		s.note("put", err, "")
		s.get("a")
	}},
}
