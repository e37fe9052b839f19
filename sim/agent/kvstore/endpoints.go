package kvstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/cilium/cilium/pkg/controller"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/types"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// endpoints is what an incarnation of an agent does with the endpoints of its host: it
// gives each an identity, and makes the address known with it.
type endpoints struct {
	log         *slog.Logger
	identities  allocates
	syncer      *ipcache.IPIdentitySynchronizer
	ctx         context.Context // of the process
	controllers *controller.Manager
	dead        func() bool
	node        string
	on          string // the host of the process
	assigned    func(ep *Endpoint, id uint32, labels []string)

	leaving sync.WaitGroup

	mu     sync.Mutex
	states map[*Endpoint]*state
}

// state is an endpoint in one process.
type state struct {
	number int
	turn   chan struct{}   // holds a value while the endpoint changes
	alive  context.Context // until it is asked to end
	stop   context.CancelFunc

	identity *identity.Identity // nil: none yet, or gone
	gone     bool
}

type allocates interface {
	AllocateIdentity(ctx context.Context, lbls labels.Labels, notifyOwner bool, oldNID identity.NumericIdentity) (*identity.Identity, bool, error)
	Release(ctx context.Context, id *identity.Identity, notifyOwner bool) (bool, error)
}

func newEndpoints(d *Daemon, ctx context.Context, syncer *ipcache.IPIdentitySynchronizer) *endpoints {
	return &endpoints{
		log: d.cfg.Log, identities: d.identities, syncer: syncer, ctx: ctx, controllers: controller.NewManager(), dead: d.ended.Load,
		node: d.cfg.Host.name(), on: d.cfg.On, assigned: d.cfg.Host.assigned, states: map[*Endpoint]*state{},
	}
}

// syncInterval is how often an endpoint makes its address known again.
const syncInterval = 5 * time.Minute

var syncGroup = controller.NewGroup("sync-address-identity-mapping")

var errGone = errors.New("the agent's process has ended")

// of returns the state of an endpoint.
func (e *endpoints) of(ep *Endpoint) *state {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.states[ep]
	if s == nil {
		s = &state{number: len(e.states) + 1, turn: make(chan struct{}, 1)}
		s.alive, s.stop = context.WithCancel(e.ctx)
		e.states[ep] = s
	}
	return s
}

// restore gives an endpoint that the host had before an identity, unless it has got one
// meanwhile, or is gone.
func (e *endpoints) restore(ctx context.Context, ep *Endpoint, labels func() []string) error {
	s := e.of(ep)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.identity != nil || s.gone {
		return nil
	}
	return e.identifyLocked(ctx, ep, s, labels())
}

// identify gives an endpoint the identity of labels, and makes its address known with it,
// as SetIdentity and runIPIdentitySync do (pkg/endpoint/policy.go). The identity that it
// had is let go of afterwards. It returns when the endpoint has the identity.
func (e *endpoints) identify(ctx context.Context, ep *Endpoint, labels []string) error {
	s := e.of(ep)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return hosts.Run(e.on, func() error { return e.identifyLocked(ctx, ep, s, labels) })
}

func (e *endpoints) identifyLocked(ctx context.Context, ep *Endpoint, s *state, names []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	id, _, err := e.identities.AllocateIdentity(ctx, labels.NewLabelsFromModel(names), true, identity.InvalidIdentity)
	switch {
	case err != nil:
		return err
	case e.dead():
		return errGone
	}
	e.assigned(ep, uint32(id.ID), names)
	e.mu.Lock()
	old := s.identity
	s.identity = id
	e.mu.Unlock()
	e.synchronize(ep, s)
	if old != nil {
		if _, err := e.identities.Release(context.Background(), old, false); err != nil {
			e.log.Warn("Unable to release old endpoint identity", "error", err)
		}
	}
	return nil
}

// synchronize makes the addresses of an endpoint known, each by itself.
func (e *endpoints) synchronize(ep *Endpoint, s *state) {
	for _, ip := range ep.IPs {
		e.runIPIdentitySync(ep, s, netip.MustParseAddr(ip))
	}
}

func (e *endpoints) runIPIdentitySync(ep *Endpoint, s *state, ip netip.Addr) {
	e.controllers.UpdateController(s.controller(ip.String()), controller.ControllerParams{
		Group:       syncGroup,
		RunInterval: syncInterval,
		Context:     s.alive,
		DoFunc: func(ctx context.Context) error {
			e.mu.Lock()
			id := s.identity
			e.mu.Unlock()
			if id == nil {
				return controller.NewExitReason("Endpoint disappeared")
			}
			err := e.syncer.Upsert(ctx, &ipcache.UpsertParams{
				IP: ip, HostIP: netip.MustParseAddr(ep.HostIP), ID: id.ID, Key: uint8(ep.Key),
				Metadata:     fmt.Sprintf("cilium-global:%s:%d", e.node, s.number),
				K8sNamespace: ep.Namespace, K8sPodName: ep.Pod, K8sServiceAccount: ep.ServiceAccount, NPM: ep.named(),
			})
			if err != nil {
				return fmt.Errorf("unable to add endpoint IP mapping '%s'->'%d': %w", ip, id.ID, err)
			}
			return nil
		},
		StopFunc: func(ctx context.Context) error {
			if e.dead() { // the end of the process ends a controller without this
				return nil
			}
			if err := e.syncer.Delete(ctx, ip.String()); err != nil {
				return fmt.Errorf("unable to delete endpoint IP '%s' from ipcache: %w", ip, err)
			}
			return nil
		},
	})
}

// named are the named ports, of which Cilium leaves out what it does not take.
func (ep *Endpoint) named() types.NamedPortMap {
	all := make(types.NamedPortMap)
	for _, p := range ep.Ports {
		all.AddPort(p.Name, int(p.Port), p.Protocol) //nolint:errcheck // likewise there
	}
	return all
}

func (s *state) controller(ip string) string {
	return fmt.Sprintf("sync-%s-identity-mapping (%d)", ip, s.number)
}

// leave ends an endpoint: it ends what goes on with it, lets go of the identity, forgets it
// on the disk, and deletes its address, for which nobody waits (pkg/endpoint/endpoint.go,
// Delete and leaveLocked). It reports whether the process lived until the endpoint was
// forgotten.
func (e *endpoints) leave(ep *Endpoint, forget func()) bool {
	s := e.of(ep)
	s.stop()
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.gone = true
	e.mu.Lock()
	id := s.identity
	s.identity = nil
	e.mu.Unlock()
	lived := false
	hosts.Run(e.on, func() error { //nolint:errcheck // it returns none
		lived = e.leaveLocked(ep, s, id, forget)
		return nil
	})
	return lived
}

func (e *endpoints) leaveLocked(ep *Endpoint, s *state, id *identity.Identity, forget func()) bool {
	if id != nil {
		if _, err := e.identities.Release(context.Background(), id, false); err != nil {
			e.log.Warn("Unable to release endpoint identity", "error", err)
		}
	}
	if e.dead() {
		return false
	}
	forget()
	if id != nil {
		for _, ip := range ep.IPs {
			name := s.controller(netip.MustParseAddr(ip).String())
			e.leaving.Go(func() { e.controllers.RemoveControllerAndWait(name) }) //nolint:errcheck // there is one
		}
	}
	return true
}

// settle waits until the addresses of endpoints that have left are deleted, or that is
// given up.
func (e *endpoints) settle() { e.leaving.Wait() }

// end ends the controllers of a process that has ended.
func (e *endpoints) end() { e.controllers.RemoveAllAndWait() }
