package etcd

import (
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/meshcheck/meshcheck/internal/stream"
)

// Deletions says how a server fails the deletions that clients ask for. An etcd that
// answers and does nothing there is not: what it has answered is in its log.
type Deletions string

// How deletions fail.
const (
	// Refused: with ErrTooManyRequests, as a server does whose log is too far ahead of what
	// it has applied (etcdserver.processInternalRaftRequestOnce). None is proposed.
	Refused Deletions = "refused"
	// TimedOut: with ErrTimeout, and none is applied, as when the leader loses the proposal.
	TimedOut Deletions = "timed out"
	// TimedOutApplied: with ErrTimeout, and each is applied, as when that takes longer than
	// the request may.
	TimedOutApplied Deletions = "timed out, applied"
)

// deletions are the failures in force, the eldest first.
type deletions struct {
	mu    sync.Mutex
	rules []*deletionRule
}

type deletionRule struct {
	how   Deletions
	seed  uint64
	name  string
	share int // percent
	asked int // so far
	hit   int64
}

// FailDeletions makes the server fail a share of the deletions, in percent, which are drawn
// from a stream of the seed and a name. It ends with the server; lift returns how many failed.
func (s *Server) FailDeletions(how Deletions, share int, seed uint64, name string) (lift func() int64) {
	rule := &deletionRule{how: how, seed: seed, name: name, share: share}
	d := &s.deletions
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = append(d.rules, rule)
	return func() int64 {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, other := range d.rules {
			if other == rule {
				d.rules = append(d.rules[:i:i], d.rules[i+1:]...)
				break
			}
		}
		return rule.hit
	}
}

// failure returns how a request fails, or "".
func (d *deletions) failure(req any) Deletions {
	if _, deletes := req.(*pb.DeleteRangeRequest); !deletes {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rule := range d.rules {
		rule.asked++
		draw := stream.New().Number(rule.seed).Number(uint64(rule.asked)).Text("deletions").Text("\x00").Text(rule.name).Draw()
		if draw%100 < uint64(rule.share) {
			rule.hit++
			return rule.how
		}
	}
	return ""
}

// err is what the client is told.
func (how Deletions) err() error {
	if how == Refused {
		return rpctypes.ErrGRPCRequestTooManyRequests
	}
	return rpctypes.ErrGRPCTimeout
}
