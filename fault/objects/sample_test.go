package objects_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/objects"
)

var update = flag.Bool("update", false, "write testdata/objects/sample.yaml anew")

var samplePath = filepath.Join("..", "..", "testdata", "objects", "sample.yaml")

// The sample is what kubectl prints of a cluster of moderate size that nobody
// prepared for ClusterMesh: cluster ID 0, the name "default", endpoint slices on,
// one pod pending and one being deleted.
func TestSampleIsUpToDate(t *testing.T) {
	text := sample(t)
	if *update {
		require.NoError(t, os.WriteFile(samplePath, text, 0o666))
	}
	stored, err := os.ReadFile(samplePath)
	require.NoError(t, err)
	require.True(t, bytes.Equal(stored, text), "the sample differs from what its generator makes; run go test ./fault/objects -update")
}

func TestSampleLoadsAndPlansCanBeDrawnFromIt(t *testing.T) {
	loaded, summary, err := objects.Load(objects.Config{}, samplePath)
	require.NoError(t, err)
	require.Equal(t, []string{
		"7 Namespaces, 24 CiliumNodes, 41 CiliumIdentities, 300 Pods, 299 CiliumEndpoints, 9 CiliumEndpointSlices",
		"the identities are of cluster ID 0, which ClusterMesh refuses: 65536 is added to each, as if the cluster ID were 1",
		`the cluster's name is "default", which ClusterMesh refuses: it is "c1" in the identities' labels`,
		"objects that were being deleted and are taken as alive: 1",
	}, summary.Lines())
	for seed := range uint64(20) {
		p, err := draw.Plan(seed, draw.Config{Objects: loaded})
		require.NoError(t, err, "seed %d", seed)
		require.True(t, p.Options.EndpointSlices)
		require.Equal(t, 1, p.Options.ClusterID)
		require.Equal(t, "c1", p.Options.ClusterName)
		read, err := fault.Read("plan", p.Encode())
		require.NoError(t, err)
		require.Equal(t, p, read, "seed %d", seed)
	}
}

// workloads are the namespaces of the sample with their apps and pods per app.
var workloads = []struct {
	namespace string
	apps      []string
	pods      int
}{
	{"cilium-test", []string{"client", "echo-same-node", "echo-other-node"}, 2},
	{"kube-system", []string{"coredns", "metrics-server", "hubble-relay", "hubble-ui"}, 2},
	{"ml-batch", []string{"feature-join", "trainer", "scorer"}, 20},
	{"monitoring", []string{"prometheus", "alertmanager", "grafana", "loki", "tempo"}, 4},
	{"payments", []string{"api", "ledger", "fraud", "payout", "webhooks", "reports"}, 9},
	{"shop", []string{"frontend", "cart", "catalog", "checkout", "currency", "email", "recommend", "search", "shipping", "stock", "orders", "reviews", "sessions"}, 10},
	{"staging", []string{"frontend", "cart", "catalog", "checkout", "api", "ledger", "search"}, 3},
}

const (
	sampleNodes  = 24
	perSlice     = 64
	firstID      = 1031
	idStep       = 1583 // identities are spread, as an allocator picks them
	clusterLabel = "k8s:io.cilium.k8s.policy.cluster"
)

type m = map[string]any

// sample makes the text of the sample file.
func sample(t *testing.T) []byte {
	var items []any
	for i := range sampleNodes {
		items = append(items, ciliumNode(i))
	}
	var identities, endpoints, slices, namespaces, pods []any
	pod := 0
	for _, w := range workloads {
		namespaces = append(namespaces, m{"apiVersion": "v1", "kind": "Namespace", "metadata": served(w.namespace, "", len(namespaces)), "spec": m{"finalizers": []any{"kubernetes"}}, "status": m{"phase": "Active"}})
		var cores []any
		for _, app := range w.apps {
			id := firstID + idStep*len(identities)
			labels := m{
				clusterLabel: "default",
				"k8s:io.cilium.k8s.policy.serviceaccount":                        app,
				"k8s:io.kubernetes.pod.namespace":                                w.namespace,
				"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": w.namespace,
				"k8s:app": app,
			}
			identities = append(identities, m{"apiVersion": "cilium.io/v2", "kind": "CiliumIdentity", "metadata": served(fmt.Sprint(id), "", id), "security-labels": labels})
			for range w.pods {
				name := fmt.Sprintf("%s-%s", app, suffix(pod))
				node := pod * 7 % sampleNodes
				ip := fmt.Sprintf("10.244.%d.%d", node, 10+pod/sampleNodes)
				pods = append(pods, podObject(w.namespace, name, app, node, ip, pod))
				networking := m{"addressing": []any{m{"ipv4": ip}}, "node": nodeIP(node)}
				endpoints = append(endpoints, m{
					"apiVersion": "cilium.io/v2", "kind": "CiliumEndpoint", "metadata": served(name, w.namespace, pod),
					"status": m{
						"encryption": m{}, "id": 100 + pod, "networking": networking, "state": "ready", "service-account": app,
						"identity": m{"id": id, "labels": []any{"k8s:app=" + app, clusterLabel + "=default", "k8s:io.kubernetes.pod.namespace=" + w.namespace}},
					},
				})
				cores = append(cores, m{"name": name, "id": id, "networking": networking, "encryption": m{}, "service-account": app})
				pod++
			}
		}
		for len(cores) > 0 {
			n := min(perSlice, len(cores))
			slices = append(slices, m{"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumEndpointSlice", "metadata": served("ces-"+suffix(1000+len(slices))+"-"+suffix(len(slices)), "", len(slices)), "namespace": w.namespace, "endpoints": cores[:n]})
			cores = cores[n:]
		}
	}
	pods = append(pods, pendingPod())
	pods[17].(m)["metadata"].(m)["deletionTimestamp"] = "2026-03-02T09:15:30Z"
	pods[17].(m)["metadata"].(m)["deletionGracePeriodSeconds"] = 30
	for _, list := range [][]any{identities, endpoints, slices, namespaces, pods} {
		items = append(items, list...)
	}
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(m{"apiVersion": "v1", "items": items, "kind": "List", "metadata": m{"resourceVersion": ""}}))
	return b.Bytes()
}

// served returns metadata as a server gives it.
func served(name, namespace string, n int) m {
	metadata := m{
		"name":              name,
		"creationTimestamp": fmt.Sprintf("2026-02-%02dT%02d:%02d:07Z", 1+n%28, n%24, n%60),
		"resourceVersion":   fmt.Sprint(48_000 + 13*n),
		"uid":               fmt.Sprintf("%08x-51f0-4a6e-9d2c-%012x", 0x3a11_0000+n, 0x7f31_0000+n*131),
	}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	return metadata
}

func ciliumNode(i int) m {
	return m{
		"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "metadata": served(nodeNameOf(i), "", i),
		"spec": m{
			"addresses": []any{m{"ip": nodeIP(i), "type": "InternalIP"}, m{"ip": fmt.Sprintf("10.244.%d.1", i), "type": "CiliumInternalIP"}},
			"health":    m{"ipv4": fmt.Sprintf("10.244.%d.2", i)},
			"ipam":      m{"podCIDRs": []any{fmt.Sprintf("10.244.%d.0/24", i)}},
		},
	}
}

func podObject(namespace, name, app string, node int, ip string, n int) m {
	metadata := served(name, namespace, n)
	metadata["labels"] = m{"app": app}
	return m{
		"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
		"spec":   m{"containers": []any{m{"name": app, "image": "registry.example/" + app + ":1.4"}}, "nodeName": nodeNameOf(node), "serviceAccountName": app},
		"status": m{"phase": "Running", "hostIP": nodeIP(node), "podIP": ip, "podIPs": []any{m{"ip": ip}}},
	}
}

func pendingPod() m {
	return m{
		"apiVersion": "v1", "kind": "Pod", "metadata": served("trainer-unscheduled", "ml-batch", 900),
		"spec":   m{"containers": []any{m{"name": "trainer", "image": "registry.example/trainer:1.4"}}},
		"status": m{"phase": "Pending"},
	}
}

func nodeNameOf(i int) string { return fmt.Sprintf("worker-%02d", i) }
func nodeIP(i int) string     { return fmt.Sprintf("172.18.0.%d", 10+i) }

// suffix returns five letters as Kubernetes appends them to generated names.
func suffix(n int) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	n = n*7919 + 104729
	var s [5]byte
	for i := range s {
		s[i] = letters[n%len(letters)]
		n = n/len(letters) + 31*i
	}
	return string(s[:])
}
