package handover

import (
	"context"
	"errors"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
)

const (
	// interval is how often an agent looks after its etcd.
	interval = time.Second
	// patience is how long one that starts waits for a connection.
	patience = time.Second
)

// etcd is what an agent knows of its etcd.
type etcd struct {
	since     time.Time // when it was last read in full, or the agent's start
	ever      bool      // it has been
	connected bool
}

// lost reports whether CRDs are to be read.
func (e *etcd) lost(after time.Duration) bool {
	if !e.ever && !e.connected {
		after = patience
	}
	return time.Since(e.since) >= after
}

// follow has the agent read CRDs while its etcd is lost.
func (h *handover) follow(ctx context.Context) {
	defer close(h.followed)
	timedOut := make(chan agent.Lists, 1)
	go func() {
		switch lists, err := h.Etcd.Synced(ctx); {
		case err != nil:
		case lists.Complete:
			h.decide(lists, nil)
		default:
			timedOut <- lists
		}
	}()
	of := &etcd{since: time.Now()}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		var synced chan agent.Lists
		if h.crd != nil {
			synced = h.crd.synced
		}
		select {
		case <-ctx.Done():
			return
		case lists := <-synced:
			h.listed(of, lists)
		case lists := <-timedOut:
			if h.crd == nil {
				h.decide(lists, nil)
			}
		case <-ticker.C:
			h.look(ctx, of)
		}
	}
}

// look sees whether the etcd can be read, and acts on it.
func (h *handover) look(ctx context.Context, of *etcd) {
	was := of.connected
	of.connected = h.Etcd.Connected()
	ready := of.connected && h.Etcd.Ready()
	if ready {
		of.since, of.ever = time.Now(), true
	}
	switch {
	case ready && h.crd != nil:
		h.goOver()
	case !ready && h.crd == nil && of.lost(h.After):
		h.fallBack(ctx)
	case h.Policy == mode.ByMerge && h.crd != nil && h.crd.listed && of.connected != was:
		h.fill(of)
	}
}

// fallBack begins to read CRDs. What the etcd has said stays until they are listed.
func (h *handover) fallBack(ctx context.Context) {
	var shared *agent.Shared
	if h.merge == nil {
		shared = h.Etcd.Shared()
	}
	reader := &crdReader{Source: h.NewCRD(shared), synced: make(chan agent.Lists, 1)}
	h.crd = reader
	h.count(history.FallBack, history.Origin{}, h.meanwhile()...)
	if err := reader.Start(ctx, h.process, h.crdSink); err != nil {
		h.decide(agent.Lists{}, err)
		return
	}
	go func() {
		switch lists, err := reader.Synced(ctx); {
		case err == nil:
			reader.synced <- lists
		case errors.Is(err, agent.ErrExit): // at its start Cilium ends the process, and later client-go goes on
			h.decide(agent.Lists{}, err)
		}
	}()
}

// meanwhile are the sources that count until CRDs are listed.
func (h *handover) meanwhile() []mode.Source {
	switch h.Policy {
	case mode.ByMerge:
		return []mode.Source{mode.FromReplica, mode.FromAPIServer}
	case mode.ByPrecedence:
		return []mode.Source{mode.FromAPIServer, mode.FromReplica}
	}
	return []mode.Source{mode.FromReplica}
}

// listed has CRDs count.
func (h *handover) listed(of *etcd, lists agent.Lists) {
	h.crd.listed = true
	switch {
	case h.Policy == mode.ByPrecedence:
		h.count(history.Listed, lists.Endpoints, h.meanwhile()...)
	case h.Policy == mode.ByMerge && of.connected:
		h.count(history.Listed, lists.Endpoints, mode.FromAPIServer, mode.FromReplica)
	default:
		h.count(history.Listed, lists.Endpoints, mode.FromAPIServer)
	}
	h.decide(lists, nil)
}

// fill lets an etcd that can be reached, and is not yet read in full, fill the gaps of CRDs.
func (h *handover) fill(of *etcd) {
	if of.connected {
		h.count(history.Reaches, h.Etcd.Listed(), mode.FromAPIServer, mode.FromReplica)
		return
	}
	h.count(history.Loses, history.Origin{}, mode.FromAPIServer)
}

// goOver has the etcd alone count, and ceases to read CRDs.
func (h *handover) goOver() {
	old := h.crd
	h.crd = nil
	h.count(history.GoesOver, h.Etcd.Listed(), mode.FromReplica)
	old.Stop()
	old.Close()
	if h.merge != nil {
		h.merge.Forget(mode.FromAPIServer)
	}
}
