// Package kubeclient builds the Kubernetes clients of the world's processes: real
// client-go and Cilium clientsets on a transport in the simulated network.
package kubeclient

import (
	"context"
	"net"
	"net/http"
	"time"

	apiext "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	mcsapi "sigs.k8s.io/mcs-api/pkg/client/clientset/versioned"
	policy "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned"

	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
	cilium "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned"
	slim "github.com/cilium/cilium/pkg/k8s/slim/k8s/client/clientset/versioned"

	"github.com/meshcheck/meshcheck/sim/proc"
	"github.com/meshcheck/meshcheck/sim/simnet"
)

// clientset is Cilium's composition of Kubernetes clients, all real, on a
// transport that dials in the simulated network. Cilium's own constructor
// (pkg/k8s/client/cell.go) allows no other dialer. What it has besides is left
// out: the heartbeat that closes connections to a dead kube-apiserver decides by
// a metric that is global to the process, and all replicas of the world share one
// process. The pings of HTTP/2 remain, with client-go's settings.
type clientset struct {
	*k8sclient.MCSAPIClientset
	*k8sclient.KubernetesClientset
	*k8sclient.APIExtClientset
	*k8sclient.CiliumClientset
	*k8sclient.PolicyClientset
	k8sclient.ClientsetGetters

	slim *slim.Clientset
	rest *rest.Config
}

var _ k8sclient.Clientset = &clientset{}

// Health checks of a connection, as k8s.io/apimachinery/pkg/util/net sets them.
const (
	readIdleTimeout = 30 * time.Second
	pingTimeout     = 15 * time.Second
)

// The rate limits of Cilium's Helm chart (k8sClientRateLimit).
const (
	defaultQPS   = 10
	defaultBurst = 20
)

// New returns clients of the kube-apiserver behind dial, and a function that
// closes their idle connections. Like those of a real cluster they share one
// HTTP/2 connection.
func New(userAgent string, dial proc.Dialer) (k8sclient.Clientset, func(), error) {
	return NewLimited(userAgent, dial, defaultQPS, defaultBurst)
}

// NewLimited is New for a client with rate limits of its own: qps requests per
// second, of which burst may come at once.
func NewLimited(userAgent string, dial proc.Dialer, qps float32, burst int) (k8sclient.Clientset, func(), error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	cfg, httpClient, transport, err := configure(protocols, userAgent, dial, qps, burst)
	if err != nil {
		return nil, nil, err
	}
	c := &clientset{rest: cfg}
	c.ClientsetGetters = k8sclient.ClientsetGetters{Clientset: c}
	for _, make := range []func() error{
		func() (err error) { c.slim, err = slim.NewForConfigAndClient(cfg, httpClient); return },
		func() (err error) { c.APIExtClientset, err = apiext.NewForConfigAndClient(cfg, httpClient); return },
		func() (err error) { c.MCSAPIClientset, err = mcsapi.NewForConfigAndClient(cfg, httpClient); return },
		func() (err error) {
			c.KubernetesClientset, err = kubernetes.NewForConfigAndClient(cfg, httpClient)
			return
		},
		func() (err error) { c.PolicyClientset, err = policy.NewForConfigAndClient(cfg, httpClient); return },
		func() (err error) { c.CiliumClientset, err = cilium.NewForConfigAndClient(cfg, httpClient); return },
	} {
		if err := make(); err != nil {
			return nil, nil, err
		}
	}
	return c, transport.CloseIdleConnections, nil
}

// kubeSocket is what Cilium's clients set of their connections (the option
// k8s-client-connection-keep-alive of pkg/k8s/client/config.go).
var kubeSocket = simnet.Socket{KeepAlive: 30 * time.Second}

func configure(protocols *http.Protocols, userAgent string, dial proc.Dialer, qps float32, burst int) (*rest.Config, *http.Client, *http.Transport, error) {
	connect := kubeSocket.Dialer(dial)
	transport := &http.Transport{
		Protocols:   protocols,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return connect(ctx, address) },
		HTTP2:       &http.HTTP2Config{SendPingTimeout: readIdleTimeout, PingTimeout: pingTimeout},
	}
	cfg := &rest.Config{Host: "http://kubernetes.default.svc:443", Transport: transport, UserAgent: userAgent, QPS: qps, Burst: burst}
	httpClient, err := rest.HTTPClientFor(cfg)
	return cfg, httpClient, transport, err
}

func (c *clientset) Slim() slim.Interface { return c.slim }
func (c *clientset) Discovery() discovery.DiscoveryInterface {
	return c.KubernetesClientset.Discovery()
}
func (c *clientset) IsEnabled() bool          { return true }
func (c *clientset) Config() k8sclient.Config { return k8sclient.Config{} }
func (c *clientset) RestConfig() *rest.Config { return rest.CopyConfig(c.rest) }
