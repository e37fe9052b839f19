//go:build detrt

package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-openapi/runtime"
	"github.com/go-openapi/runtime/middleware"

	"github.com/cilium/cilium/api/v1/models"
	endpointapi "github.com/cilium/cilium/api/v1/server/restapi/endpoint"
	ipamapi "github.com/cilium/cilium/api/v1/server/restapi/ipam"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/endpoint/id"
	endpointtypes "github.com/cilium/cilium/pkg/endpoint/types"

	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/hosts"
)

// What follows is the CNI plugin (Cilium: plugins/cilium-cni), without what it does to links
// and namespaces of networks. It asks the agent's API what the real one asks it over its
// socket.

// api are the handlers of an agent's API that the plugin's requests reach.
type api struct {
	allocate ipamapi.PostIpamHandler
	release  ipamapi.DeleteIpamIPHandler
	create   endpointapi.PutEndpointIDHandler
	end      endpointapi.DeleteEndpointIDHandler
}

var (
	errNoAgent = errors.New("no agent serves the API")
	errBroken  = errors.New("the agent ended before it answered")
)

// refusedError is an answer of the API that is no success.
type refusedError struct {
	code int
	body string
}

func (e *refusedError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.body) }

// ifName is the sandbox's network interface.
const ifName = "eth0"

// Add implements agent.Whole.
func (n *node) Add(ctx context.Context, s agent.Sandbox) (ips []string, err error) {
	d := n.serving(ctx, defaults.ClientConnectTimeout)
	if d == nil {
		return nil, errNoAgent
	}
	var given models.IPAMResponse
	owner, expires := s.Namespace+"/"+s.Pod, true
	if err := d.ask(ctx, &given, func(r *http.Request) middleware.Responder {
		return d.api.allocate.Handle(ipamapi.PostIpamParams{HTTPRequest: r, Owner: &owner, Expiration: &expires})
	}); err != nil {
		return nil, err
	}
	pair := &models.AddressPair{}
	if a := given.IPv4; a != nil {
		ips = append(ips, a.IP)
		pair.IPv4, pair.IPv4PoolName, pair.IPv4ExpirationUUID = a.IP, given.Address.IPv4PoolName, a.ExpirationUUID
	}
	if a := given.IPv6; a != nil {
		ips = append(ips, a.IP)
		pair.IPv6, pair.IPv6PoolName, pair.IPv6ExpirationUUID = a.IP, given.Address.IPv6PoolName, a.ExpirationUUID
	}
	err = d.ask(ctx, nil, func(r *http.Request) middleware.Responder {
		return d.api.create.Handle(endpointapi.PutEndpointIDParams{HTTPRequest: r, ID: "0", Endpoint: &models.EndpointChangeRequest{
			ContainerID: s.Container, ContainerInterfaceName: ifName, InterfaceName: "lxc" + s.UID,
			State:      models.EndpointStateWaitingDashForDashIdentity.Pointer(),
			Addressing: pair,
			K8sPodName: s.Pod, K8sNamespace: s.Namespace, K8sUID: s.UID,
			DatapathConfiguration: &models.EndpointDatapathConfiguration{},
			SyncBuildEndpoint:     true,
			// There is no link and no program, which an endpoint would look for. There is its policy map.
			Properties: map[string]any{endpointtypes.PropertyFakeEndpoint: true, endpointtypes.PropertyWithouteBPFDatapath: true},
		}})
	})
	if err != nil {
		for _, ip := range ips {
			d.ask(ctx, nil, func(r *http.Request) middleware.Responder { //nolint:errcheck // the plugin logs it
				return d.api.release.Handle(ipamapi.DeleteIpamIPParams{HTTPRequest: r, IP: ip})
			})
		}
		return nil, err
	}
	return ips, nil
}

// How long the plugin waits for the agent when an endpoint is to end (Cilium:
// plugins/cilium-cni/lib/deletion_queue.go): longer for one that is about to start.
const (
	endBound   = 1500 * time.Millisecond
	startBound = 15 * time.Second
)

// Del implements agent.Whole. Where no agent runs, the plugin leaves a file for the next one.
// The real one finds out by locks of files, on which other processes wait; here it is known.
func (n *node) Del(ctx context.Context, container string) error {
	attachment := id.NewCNIAttachmentID(container, ifName)
	d := n.serving(ctx, endBound)
	if d == nil && n.last().runs() {
		d = n.serving(ctx, startBound)
	}
	err := errNoAgent
	if d != nil {
		err = d.ask(ctx, nil, func(r *http.Request) middleware.Responder {
			return d.api.end.Handle(endpointapi.DeleteEndpointIDParams{HTTPRequest: r, ID: attachment})
		})
	}
	refused := (*refusedError)(nil)
	switch {
	case err == nil || errors.As(err, &refused) && refused.code != http.StatusServiceUnavailable:
		return nil // what it refuses it would refuse again
	case n.last().runs():
		return err
	}
	return hosts.RunIn(n.plugin, n.cfg.Host, func() error { return queue(attachment) })
}

// queue notes that the next agent is to end an endpoint.
func queue(attachment string) error {
	if err := os.MkdirAll(defaults.DeleteQueueDir, 0o755); err != nil {
		return err
	}
	name := fmt.Sprintf("%x.delete", sha256.Sum256([]byte(attachment)))
	return os.WriteFile(filepath.Join(defaults.DeleteQueueDir, name), []byte(attachment), 0o644)
}

// ask has a request handled in the agent's process, and returns its answer, which into is made
// of, or that the process ended before there was one.
func (d *daemon) ask(ctx context.Context, into interface{ UnmarshalBinary([]byte) error }, handle func(*http.Request) middleware.Responder) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://localhost/v1", nil) // handlers have the rest as parameters
	if err != nil {
		return err
	}
	answered := make(chan *answer, 1)
	go d.within(func() error { //nolint:errcheck // it returns none
		a := &answer{code: http.StatusOK}
		handle(r).WriteResponse(a, runtime.JSONProducer())
		answered <- a
		return nil
	})
	select {
	case a := <-answered:
		if a.code >= http.StatusMultipleChoices {
			return &refusedError{a.code, a.body.String()}
		}
		if into == nil {
			return nil
		}
		return into.UnmarshalBinary(a.body.Bytes())
	case <-d.alive.Done():
	case <-d.ended:
	case <-ctx.Done():
	}
	return errBroken
}

// answer is what a handler answers. It implements http.ResponseWriter.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

func (a *answer) WriteHeader(code int) { a.code = code }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
