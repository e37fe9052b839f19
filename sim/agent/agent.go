// Package agent is a node's agent: the host that it runs on, over its restarts,
// what it believes (the View) and what the host's packets meet (the Datapath).
// None of these knows where the agent reads: that is its Source, one of Cilium's
// own readers, unmodified. There is a package for each below this one.
//
// What is not Cilium's: what would be the policy engine, the BPF map and the node
// manager are the View and the Datapath, which record what reaches them.
package agent

import (
	"context"
	"errors"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says which agent to run.
type Config struct {
	Host string // the actor of its records

	// NewSource makes what an incarnation reads.
	NewSource func() Source
	Record    func(history.Record) // fills in At
	// OnExit is told that an incarnation is about to end itself, and why. It is called
	// without a lock, and has to call Exit if the incarnation still runs.
	OnExit func(incarnation int, reason error)
}

// Host is a node's agent, over its restarts, and its datapath.
type Host struct {
	cfg         Config
	datapath    *Datapath
	incarnation int
	agent       *agent // nil while it is down
}

// agent is one incarnation.
type agent struct {
	process proc.Process
	view    *View
	source  Source
	cancel  context.CancelFunc
}

// NewHost returns a host whose agent is down.
func NewHost(cfg Config) *Host {
	h := &Host{cfg: cfg}
	h.datapath = newDatapath(h.recordEntry)
	return h
}

func (h *Host) recordEntry(from Learned, verb history.Verb, kind, key, value string) {
	r := history.Record{Actor: h.cfg.Host, Verb: verb, Kind: kind, Key: key, Value: value, Op: from.How, Inc: h.incarnation}
	r.SetOrigin(from.Origin)
	h.cfg.Record(r)
}

// Start starts a new incarnation of the agent.
func (h *Host) Start() error {
	h.incarnation++
	h.cfg.Record(history.Record{Actor: h.cfg.Host, Verb: history.Up, Kind: "agent", Inc: h.incarnation})
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{source: h.cfg.NewSource(), cancel: cancel}
	a.view = newView(h.recordEntry)
	h.datapath.recreate()
	return hosts.Run(h.cfg.Host, func() error {
		if err := a.source.Start(ctx, &a.process, Sink{consumers{a.view, h.datapath}}); err != nil {
			return err
		}
		h.agent = a
		go h.regenerate(ctx, a)
		return nil
	})
}

// regenerate switches the datapath to the new ipcache map when the agent's
// regeneration fence opens: when the initial lists are complete, or when waiting
// for them has timed out.
func (h *Host) regenerate(ctx context.Context, a *agent) {
	incarnation := h.incarnation
	lists, err := a.source.Synced(ctx)
	if errors.Is(err, ErrExit) {
		h.cfg.OnExit(incarnation, err)
		return
	}
	if err != nil || ctx.Err() != nil {
		return
	}
	r := history.Record{Actor: h.cfg.Host, Verb: history.Synced, Kind: history.Endpoint, Inc: h.incarnation, Value: "synced"}
	if !lists.Complete {
		r.Value = "timeout"
	}
	r.SetOrigin(lists.Endpoints)
	h.cfg.Record(r)
	list := Learned{Origin: lists.Endpoints}
	if lists.Endpoints != (history.Origin{}) {
		list.How = history.ByList
	}
	h.datapath.regenerate(list)
}

// Stop ends the agent's process as the kubelet does: its source is stopped while
// its connections live, and when that is done or the grace is over, it is killed.
// It returns when the process has ended. The chart's grace for the agent
// (terminationGracePeriodSeconds) is DefaultGrace.
func (h *Host) Stop(grace time.Duration) {
	a := h.agent
	stopped := make(chan struct{})
	go hosts.Run(h.cfg.Host, func() error {
		defer close(stopped)
		a.source.Stop()
		return nil
	})
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
	}
	h.end("", func() { <-stopped })
}

// DefaultGrace is the termination grace period of the chart.
const DefaultGrace = time.Second

// Kill ends the agent's process as a crash does: from this instant on it has no
// connections and nothing it does is seen.
func (h *Host) Kill() { h.end("", h.agent.source.Stop) }

// Exit ends the agent's process as Kill does, for a reason of its own.
func (h *Host) Exit(reason error) { h.end(reason.Error(), h.agent.source.Stop) }

// end ends the agent's process. The goroutines of the code under test are wound
// down in the background, as there is no way to end them at once: stop returns when
// the source has stopped.
func (h *Host) end(reason string, stop func()) {
	a := h.agent
	h.agent = nil
	a.process.Kill()
	a.view.close()
	a.cancel()
	h.cfg.Record(history.Record{Actor: h.cfg.Host, Verb: history.Down, Kind: "agent", Inc: h.incarnation, Err: reason})
	go hosts.Run(h.cfg.Host, func() error {
		stop()
		a.source.Close()
		return nil
	})
}

// SlowReads lets the agent's process read only that many bytes per second from its
// connections, as one that is short of CPU: what a server sends it backs up there
// (see proc.Process.SlowReads). It ends with the process, or when lift is called, which
// returns how many reads had to wait.
func (h *Host) SlowReads(bytesPerSecond int) (lift func() int64) {
	return h.agent.process.SlowReads(bytesPerSecond)
}

// Running reports whether the agent is up.
func (h *Host) Running() bool { return h.agent != nil }

// Incarnation is the number of the agent that runs or ran last, from 1 on.
func (h *Host) Incarnation() int { return h.incarnation }

// View returns the view of the running agent.
func (h *Host) View() *View { return h.agent.view }
