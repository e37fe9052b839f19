package crd

import (
	"context"
	"fmt"
	"net"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/proc"
)

func (w *testWorld) dial(host string) proc.Dialer {
	return func(ctx context.Context, _ string) (net.Conn, error) { return w.net.Host(host).Dial(ctx, "k0:6443") }
}

func (w *testWorld) create(objects ...string) {
	w.t.Helper()
	for _, o := range objects {
		_, err := w.store.Create([]byte(o))
		require.NoError(w.t, err)
	}
}

func identityObject(name string) string {
	return fmt.Sprintf(`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":%q,"labels":{"io.kubernetes.pod.namespace":"ns"}},`+
		`"security-labels":{"k8s:io.kubernetes.pod.namespace":"ns","k8s:io.cilium.k8s.policy.cluster":"c1","k8s:n":%q}}`, name, name)
}

func nodeObject(name, ip string) string {
	return fmt.Sprintf(`{"kind":"CiliumNode","apiVersion":"cilium.io/v2","metadata":{"name":%q},"spec":{"addresses":[{"type":"InternalIP","ip":%q}]}}`, name, ip)
}

func endpointObject(name, ip string, id int) string {
	return fmt.Sprintf(`{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"namespace":"default","name":%q},`+
		`"status":{"id":1,"identity":{"id":%d},"networking":{"addressing":[{"ipv4":%q}],"node":"192.168.0.1"}}}`, name, id, ip)
}

func sliceObject(name, pod, ip string) string {
	return fmt.Sprintf(`{"kind":"CiliumEndpointSlice","apiVersion":"cilium.io/v2alpha1","metadata":{"name":%q},"namespace":"default",`+
		`"endpoints":[{"name":%q,"id":66001,"networking":{"addressing":[{"ipv4":%q}],"node":"192.168.0.1"}}]}`, name, pod, ip)
}
