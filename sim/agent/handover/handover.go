// Package handover is an agent's source in the mode of bootstrap option 1 of the proposal (pod
// networking): the agent reads the etcd of a replica, reads CRDs while none can be reached, and
// goes over to the etcd when one can. Both readers are those of the modes that have one
// (packages clustermesh and crd): Cilium's, unmodified.
//
// What is here is ours. Cilium has no handover: it had one between CRDs and an etcd, and gave it
// up. Of the proposal is that "agents attempt to connect to ClusterMesh etcd at startup; if the
// connection fails or is not yet available, agents fall back to reading CRDs", and that "once
// the ClusterMesh API Server becomes reachable, agents switch over"; and that they fall back
// when it is lost. It says neither when an etcd counts as reachable or lost, nor what becomes of
// what was read before. Here it counts as reachable when Cilium has its lists of everything, and
// as lost when that has not been so for a time (Config.After); an agent that starts waits for a
// second for a connection. What becomes of what was read is the mode's policy: cut-over and
// merge are a layer that is ours (agent.Merge), and with precedence it is left to Cilium's ipcache
// and identity cache, which both readers then share.
package handover

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/source"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says what to read, and how.
type Config struct {
	Host   string // the actor of records
	Policy mode.Policy
	// After is for how long the etcd must have been lost before CRDs are read.
	After time.Duration
	// Etcd reads the etcd. With the policy ByPrecedence it shares its caches.
	Etcd *clustermesh.Reader
	// NewCRD makes a reader of CRDs, which has these caches, or with none its own.
	NewCRD func(*agent.Shared) agent.Source
	Record func(history.Record) // fills in At
}

// handover is the source.
type handover struct {
	Config
	process  *proc.Process
	merge    *agent.Merge // nil with the policy ByPrecedence
	crdSink  agent.Sink
	cancel   context.CancelFunc
	followed chan struct{} // closed when the sources are followed no more
	crd      *crdReader    // nil while none runs; only who follows the sources has it

	first chan struct{} // closed when the fields below are set
	once  sync.Once
	lists agent.Lists
	err   error
}

// crdReader is a reader of CRDs that runs.
type crdReader struct {
	agent.Source
	synced chan agent.Lists
	listed bool
}

// New returns a source of one incarnation of an agent.
func New(cfg Config) agent.Source {
	return &handover{Config: cfg, followed: make(chan struct{}), first: make(chan struct{})}
}

// Start implements agent.Source.
func (h *handover) Start(ctx context.Context, process *proc.Process, into agent.Sink) error {
	h.process = process
	var etcdSink agent.Sink
	if h.Policy == mode.ByPrecedence {
		ranked := agent.NewRanked(into)
		etcdSink, h.crdSink = ranked.Sink(source.ClusterMesh), ranked.Sink(source.CustomResource)
	} else {
		h.merge = agent.NewMerge(into)
		etcdSink, h.crdSink = h.merge.Sink(mode.FromReplica), h.merge.Sink(mode.FromAPIServer)
	}
	ctx, h.cancel = context.WithCancel(ctx)
	h.count(history.Begins, history.Origin{}, mode.FromReplica)
	if err := h.Etcd.Start(ctx, process, etcdSink); err != nil {
		return err
	}
	go h.follow(ctx)
	return nil
}

// Synced implements agent.Source. The agent has its lists when one source is read in full. It
// goes on without where the etcd's reader does, unless it reads CRDs: there is no such time-out
// for those, and Cilium ends the process in its place.
func (h *handover) Synced(ctx context.Context) (agent.Lists, error) {
	select {
	case <-h.first:
		return h.lists, h.err
	case <-ctx.Done():
		return agent.Lists{}, ctx.Err()
	}
}

// decide sets what Synced returns, if nothing has.
func (h *handover) decide(lists agent.Lists, err error) {
	h.once.Do(func() {
		h.lists, h.err = lists, err
		close(h.first)
	})
}

// count makes sources count from now on, and records it. What they do not have was not in a
// list of that origin.
func (h *handover) count(why string, list history.Origin, sources ...mode.Source) {
	reads := []mode.Source{mode.FromReplica}
	if h.crd != nil {
		reads = append(reads, mode.FromAPIServer)
	}
	h.Record(history.Record{Actor: h.Host, Verb: history.Reading, Op: why, Key: join(reads), Value: join(sources)})
	if h.merge != nil {
		from := agent.Learned{Origin: list}
		if list != (history.Origin{}) {
			from.How = history.ByList
		}
		h.merge.Counting(from, sources...)
	}
}

func join(sources []mode.Source) string {
	var names []string
	for _, s := range sources {
		names = append(names, string(s))
	}
	return strings.Join(names, ",")
}

// Stop implements agent.Source. The reader of CRDs stops first: it may have the caches of the
// other one.
func (h *handover) Stop() {
	h.cancel()
	<-h.followed
	if h.crd != nil {
		h.crd.Stop()
	}
	h.Etcd.Stop()
}

// Close implements agent.Source.
func (h *handover) Close() {
	if h.crd != nil {
		h.crd.Close()
	}
	h.Etcd.Close()
}
