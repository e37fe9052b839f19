package operator

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// Config says which operator to run.
type Config struct {
	Host        string // the actor of its records, and its name in the lease
	ClusterName string
	ClusterID   int

	// EndpointSlices: endpoints are published as CiliumEndpointSlices, which the
	// operator makes, as Controller says (ces-controller-mode).
	EndpointSlices bool
	// Controller is "slim", which makes them from Pods and is meant by "", or "default", from
	// CiliumEndpoints.
	Controller string
	// Identities is identity-management-mode: "operator", which is meant by "", "agent" or "both".
	Identities string
	// MaxEndpoints is ces-max-ciliumendpoints-per-ces; zero means 100.
	MaxEndpoints int
	GC           GC

	DialKube proc.Dialer
	// DialEtcd connects with the etcd that agents share, of which the operator then
	// collects what is not used any more, in place of Kubernetes objects; nil where there
	// is none. LeaseTTL is kvstore-lease-ttl; zero means 15 minutes.
	DialEtcd proc.Dialer
	EtcdOpt  string // kvstore-opt, which says where the etcd is
	LeaseTTL time.Duration
	Record   func(history.Record) // fills in At
	Log      *slog.Logger
}

// GC sets the pace of garbage collection. Zero fields have the defaults of
// Cilium's Helm chart.
type GC struct {
	Identities time.Duration // between two looks for identities without endpoints: 15 minutes
	Heartbeat  time.Duration // how long an identity may be without endpoints before it is marked: 30 minutes
	Endpoints  time.Duration // between two looks for CiliumEndpoints without pods: 5 minutes
}

// Setup prepares the process's global state for operators of one cluster, whose
// controllers take it from there. Call it once, before the first operator starts.
func Setup(cfg Config) error {
	option.Config.ClusterName = cfg.ClusterName
	option.Config.ClusterID = uint32(cfg.ClusterID)
	option.Config.EnableCiliumEndpointSlice = cfg.EndpointSlices
	if err := labelsfilter.ParseLabelPrefixCfg(cfg.Log, nil, nil, ""); err != nil {
		return fmt.Errorf("default label prefixes: %w", err)
	}
	return nil
}

// flags are the command line of the operator.
func (c Config) flags() []flag {
	flags := []flag{
		{"cluster-name", c.ClusterName},
		{"cluster-id", fmt.Sprint(c.ClusterID)},
	}
	if c.DialEtcd != nil {
		flags = append(flags, flag{option.KVStoreOpt, c.EtcdOpt})
		if c.LeaseTTL != 0 {
			flags = append(flags, flag{option.KVstoreLeaseTTL, c.LeaseTTL.String()})
		}
	} else {
		flags = append(flags,
			flag{"identity-management-mode", cmp.Or(c.Identities, option.IdentityManagementModeOperator)},
			flag{"ces-controller-mode", cmp.Or(c.Controller, "slim")},
			// The chart's ciliumEndpointSlice.rateLimits.
			flag{"ces-rate-limits", `[{"nodes":0,"limit":10,"burst":20},{"nodes":100,"limit":50,"burst":100}]`})
	}
	if cmtypes.ClusterIDMax != defaults.MaxConnectedClusters {
		flags = append(flags, flag{cmtypes.OptMaxConnectedClusters, fmt.Sprint(cmtypes.ClusterIDMax)})
	}
	if c.MaxEndpoints != 0 && c.DialEtcd == nil {
		flags = append(flags, flag{"ces-max-ciliumendpoints-per-ces", fmt.Sprint(c.MaxEndpoints)})
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"identity-gc-interval", c.GC.Identities},
		{"identity-heartbeat-timeout", c.GC.Heartbeat},
		{"cilium-endpoint-gc-interval", c.GC.Endpoints},
	} {
		if d.value != 0 && (c.DialEtcd == nil || d.name != "cilium-endpoint-gc-interval") {
			flags = append(flags, flag{d.name, d.value.String()})
		}
	}
	return flags
}

type flag struct{ name, value string }
