package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Story is one course of events. Its keys are its own, and its revisions are counted from the one
// at which it begins.
type Story struct {
	Name string
	Run  func(s *Stage)
}

// Servers is an etcd of which stories are told.
type Servers struct {
	Connect func(member int) *clientv3.Client // a new client of a member; they are closed by the end of the test
	Members int
	Stop    func(member int) // at once, as SIGKILL does
	Restart func(member int)
	Unused  string // a peer URL behind which nobody is
}

// Stage is where a story runs, and what is noted of it.
type Stage struct {
	Servers
	client // of the first member
	prefix string
	base   int64
	names  map[int64]string // what leases and members are called
	lines  []string
}

// client is one of a member, for a story.
type client struct {
	*clientv3.Client
	ctx   context.Context
	stage *Stage
}

// Play tells a story, and returns what its clients were told until the context's end.
func Play(ctx context.Context, servers Servers, story Story) []string {
	s := &Stage{Servers: servers, prefix: story.Name + "/", names: map[int64]string{}}
	s.client = client{servers.Connect(0), ctx, s}
	begin, err := s.Get(ctx, s.prefix)
	if err != nil {
		return []string{err.Error()}
	}
	s.base = begin.Header.Revision
	story.Run(s)
	return s.lines
}

// at is another client, of a member.
func (s *Stage) at(member int) client { return client{s.Connect(member), s.ctx, s} }

// note notes what a client was told; no text is that all is well.
func (s *Stage) note(what string, err error, answer string) {
	switch {
	case err != nil:
		answer = err.Error()
	case answer == "":
		answer = "ok"
	}
	s.lines = append(s.lines, what+": "+answer)
}

// rev is a revision as it is noted.
func (s *Stage) rev(revision int64) string {
	if revision == 0 {
		return "none"
	}
	return fmt.Sprintf("%+d", revision-s.base)
}

// call is how a lease or a member is called from now on.
func (s *Stage) call(id int64, name string) { s.names[id] = name }

func (s *Stage) kv(kv *mvccpb.KeyValue) string {
	if kv == nil {
		return "nothing"
	}
	text := fmt.Sprintf("%s=%s (created %s, modified %s, version %d", strings.TrimPrefix(string(kv.Key), s.prefix), short(kv.Value), s.rev(kv.CreateRevision), s.rev(kv.ModRevision), kv.Version)
	if kv.Lease != 0 {
		text += ", lease " + s.names[kv.Lease]
	}
	return text + ")"
}

// short is a value, or how long it is.
func short(value []byte) string {
	if len(value) > 50 {
		return fmt.Sprintf("%d bytes", len(value))
	}
	return string(value)
}

func (s *Stage) kvs(kvs []*mvccpb.KeyValue) string {
	texts := []string{}
	for _, kv := range kvs {
		texts = append(texts, s.kv(kv))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// key is the key of a story.
func (c client) key(key string) string { return c.stage.prefix + key }

// end is an option that makes a range of all keys before another one.
func (c client) end(key string) clientv3.OpOption { return clientv3.WithRange(c.key(key)) }

func (c client) put(key, value string, opts ...clientv3.OpOption) {
	r, err := c.Put(c.ctx, c.key(key), value, opts...)
	answer := ""
	if err == nil {
		if answer = c.stage.rev(r.Header.Revision); r.PrevKv != nil {
			answer += ", before " + c.stage.kv(r.PrevKv)
		}
	}
	c.stage.note("put "+key, err, answer)
}

func (c client) get(key string, opts ...clientv3.OpOption) *clientv3.GetResponse {
	r, err := c.Get(c.ctx, c.key(key), opts...)
	answer := ""
	if err == nil {
		answer = c.got(r)
	}
	c.stage.note("get "+key, err, answer)
	return r
}

func (c client) got(r *clientv3.GetResponse) string {
	answer := fmt.Sprintf("at %s, %d %s", c.stage.rev(r.Header.Revision), r.Count, c.stage.kvs(r.Kvs))
	if r.More {
		answer += " and more"
	}
	return answer
}

func (c client) delete(key string, opts ...clientv3.OpOption) {
	r, err := c.Delete(c.ctx, c.key(key), opts...)
	answer := ""
	if err == nil {
		if answer = fmt.Sprintf("at %s, %d", c.stage.rev(r.Header.Revision), r.Deleted); len(r.PrevKvs) > 0 {
			answer += ", before " + c.stage.kvs(r.PrevKvs)
		}
	}
	c.stage.note("delete "+key, err, answer)
}

// commit commits a transaction.
func (c client) commit(what string, txn clientv3.Txn) {
	r, err := txn.Commit()
	answer := ""
	if err == nil {
		if answer = fmt.Sprintf("at %s, else", c.stage.rev(r.Header.Revision)); r.Succeeded {
			answer = fmt.Sprintf("at %s, then", c.stage.rev(r.Header.Revision))
		}
		for _, op := range r.Responses {
			answer += "; " + c.operation(op)
		}
	}
	c.stage.note(what, err, answer)
}

func (c client) operation(op *etcdserverpb.ResponseOp) string {
	switch {
	case op.GetResponseRange() != nil:
		return "got " + c.stage.kvs(op.GetResponseRange().Kvs)
	case op.GetResponseDeleteRange() != nil:
		return fmt.Sprintf("deleted %d", op.GetResponseDeleteRange().Deleted)
	case op.GetResponseTxn() != nil:
		return fmt.Sprintf("transaction %v", op.GetResponseTxn().Succeeded)
	}
	return "put"
}

func (c client) compact(at int64) {
	_, err := c.Compact(c.ctx, c.stage.base+at, clientv3.WithCompactPhysical())
	c.stage.note(fmt.Sprintf("compact at %+d", at), err, "")
}

// grant grants a lease, which is called so.
func (c client) grant(name string, seconds int64) clientv3.LeaseID {
	r, err := c.Grant(c.ctx, seconds)
	if err != nil {
		c.stage.note("grant "+name, err, "")
		return clientv3.NoLease
	}
	c.stage.call(int64(r.ID), name)
	c.stage.note("grant "+name, nil, fmt.Sprintf("%d s, at %s", r.TTL, c.stage.rev(r.Revision)))
	return r.ID
}

func (c client) revoke(id clientv3.LeaseID) {
	r, err := c.Revoke(c.ctx, id)
	answer := ""
	if err == nil {
		answer = c.stage.rev(r.Header.Revision)
	}
	c.stage.note("revoke "+c.stage.names[int64(id)], err, answer)
}

func (c client) keepAlive(id clientv3.LeaseID) {
	r, err := c.KeepAliveOnce(c.ctx, id)
	answer := ""
	if err == nil {
		answer = fmt.Sprintf("%d s", r.TTL)
	}
	c.stage.note("keep "+c.stage.names[int64(id)]+" alive", err, answer)
}

// keysOf asks for what a lease has.
func (c client) keysOf(id clientv3.LeaseID) {
	r, err := c.TimeToLive(c.ctx, id, clientv3.WithAttachedKeys())
	answer := ""
	if err == nil {
		keys := []string{}
		for _, key := range r.Keys {
			keys = append(keys, strings.TrimPrefix(string(key), c.stage.prefix))
		}
		slices.Sort(keys) // they are in no order
		answer = fmt.Sprintf("granted %d s, left %v, %v", r.GrantedTTL, r.TTL > 0, keys)
	}
	c.stage.note("lease "+c.stage.names[int64(id)], err, answer)
}
