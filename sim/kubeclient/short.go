package kubeclient

import (
	"net/http"

	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"

	cilium "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2"
	ciliumv2alpha1 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2alpha1"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// Short is a client that makes short requests only. There may be one for each node:
// it has three groups of the API, where a whole set of clients has about sixty, and does
// without HTTP/2, which takes several times as long for short requests.
type Short struct {
	core      *corev1.CoreV1Client
	discovery *discoveryv1.DiscoveryV1Client
	cilium    *cilium.Clientset
}

// NewShort returns such a client of the kube-apiserver behind dial, with the rate
// limits of New.
func NewShort(userAgent string, dial proc.Dialer) (*Short, error) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	cfg, httpClient, _, err := configure(protocols, userAgent, dial, defaultQPS, defaultBurst)
	if err != nil {
		return nil, err
	}
	s := &Short{}
	if s.core, err = corev1.NewForConfigAndClient(cfg, httpClient); err != nil {
		return nil, err
	}
	if s.discovery, err = discoveryv1.NewForConfigAndClient(cfg, httpClient); err != nil {
		return nil, err
	}
	s.cilium, err = cilium.NewForConfigAndClient(cfg, httpClient)
	return s, err
}

func (s *Short) CoreV1() corev1.CoreV1Interface                { return s.core }
func (s *Short) DiscoveryV1() discoveryv1.DiscoveryV1Interface { return s.discovery }
func (s *Short) CiliumV2() ciliumv2.CiliumV2Interface          { return s.cilium.CiliumV2() }
func (s *Short) CiliumV2alpha1() ciliumv2alpha1.CiliumV2alpha1Interface {
	return s.cilium.CiliumV2alpha1()
}
