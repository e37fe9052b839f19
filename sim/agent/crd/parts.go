package crd

import (
	"context"

	"github.com/cilium/cilium/pkg/endpoint"
	nodestore "github.com/cilium/cilium/pkg/node/store"
)

// The parts of an agent that the watchers ask for and that say nothing here.

// noEndpoints is the endpoint manager of an agent without local endpoints.
type noEndpoints struct{}

func (noEndpoints) LookupCEPName(string) *endpoint.Endpoint                   { return nil }
func (noEndpoints) GetEndpoints() []*endpoint.Endpoint                        { return nil }
func (noEndpoints) GetHostEndpoint() *endpoint.Endpoint                       { return nil }
func (noEndpoints) GetEndpointsByPodName(string) []*endpoint.Endpoint         { return nil }
func (noEndpoints) WaitForEndpointsAtPolicyRev(context.Context, uint64) error { return nil }
func (noEndpoints) UpdatePolicyMaps(context.Context) error                    { return nil }

type noPolicy struct{}

func (noPolicy) TriggerPolicyUpdates(string) {}

// noEncryption is the configuration of WireGuard and of IPsec.
type noEncryption struct{}

func (noEncryption) Enabled() bool                                         { return false }
func (noEncryption) UseCiliumInternalIP() bool                             { return false }
func (noEncryption) DNSProxyInsecureSkipTransparentModeCheckEnabled() bool { return false }

// nodes is the node manager; that the initial list is complete tells it nothing.
type nodes struct{ nodestore.NodeManager }

func (nodes) NodeSync() {}
