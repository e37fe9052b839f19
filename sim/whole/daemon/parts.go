//go:build detrt

package daemon

import (
	"context"
	"iter"

	endpointcreator "github.com/cilium/cilium/pkg/endpoint/creator"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	lbmaps "github.com/cilium/cilium/pkg/loadbalancer/maps"
)

// The parts of an agent that stand for what reaches into the machine.

// enabled is a clientset whose configuration says that Kubernetes is there.
type enabled struct{ k8sclient.Clientset }

func (enabled) Config() k8sclient.Config { return enabledConfig() }

func enabledConfig() k8sclient.Config {
	return k8sclient.Config{SharedConfig: k8sclient.SharedConfig{EnableK8s: true, K8sAPIServerURLs: []string{"http://kubernetes.default.svc:443"}}}
}

// noSkipLB is a BPF map of local redirect policies, which are off.
type noSkipLB struct{ lbmaps.SkipLBMap }

func (noSkipLB) AllLB4() iter.Seq2[*lbmaps.SkipLB4Key, *lbmaps.SkipLB4Value] {
	return func(func(*lbmaps.SkipLB4Key, *lbmaps.SkipLB4Value) bool) {}
}

func (noSkipLB) AllLB6() iter.Seq2[*lbmaps.SkipLB6Key, *lbmaps.SkipLB6Value] {
	return func(func(*lbmaps.SkipLB6Key, *lbmaps.SkipLB6Value) bool) {}
}

// noHostEndpoint leaves out the host endpoint, which reads the link cilium_host.
type noHostEndpoint struct {
	endpointcreator.EndpointCreator
}

func (noHostEndpoint) AddHostEndpoint(context.Context) error { return nil }
