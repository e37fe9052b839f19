package schema

import (
	"slices"
	"strings"
)

// Parts of the labels of an identity (Cilium: pkg/k8s/apis/cilium.io).
const (
	fromKubernetes      = "k8s:"
	labelNamespace      = "io.kubernetes.pod.namespace"
	labelOfNamespace    = "io.cilium.k8s.namespace.labels."
	labelCluster        = "io.cilium.k8s.policy.cluster"
	labelServiceAccount = "io.cilium.k8s.policy.serviceaccount"
	labelApplication    = "app.kubernetes.io"
)

// irrelevant are the labels of pods and namespaces that make no identity, by the beginning of their
// names, as Cilium has it by default (pkg/labelsfilter, defaultLabelPrefixCfg).
var irrelevant = []string{
	"io.kubernetes", "kubernetes.io", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index",
	"batch.kubernetes.io/controller-uid", "k8s.io", "pod-template-generation", "pod-template-hash", "controller-revision-hash", "controller-uid", "annotation",
	"etcd_node", "topology.kubernetes.io",
}

// NamespaceIn is the namespace that the content of an identity or of an endpoint names, as
// histories have it; "" if it names none.
func NamespaceIn(content string) string {
	if _, label, ok := strings.Cut(content, fromKubernetes+labelOfNamespace+"kubernetes.io/metadata.name="); ok {
		namespace, _, _ := strings.Cut(label, ";")
		return namespace
	}
	_, pod, _ := strings.Cut(content, "pod=")
	namespace, _, _ := strings.Cut(pod, "/")
	return namespace
}

// WithoutCluster is the content of a node without its cluster, as histories have it.
func WithoutCluster(content string) string {
	words := strings.Fields(content)
	words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "cluster=") })
	return strings.Join(words, " ")
}

// SecurityLabels returns the labels of the identity that a pod with these labels demands,
// in a namespace with those.
func SecurityLabels(cluster, namespace, serviceAccount string, ofPod, ofNamespace map[string]string) map[string]string {
	all := map[string]string{
		fromKubernetes + labelNamespace: namespace,
		fromKubernetes + labelCluster:   cluster,
	}
	if serviceAccount != "" {
		all[fromKubernetes+labelServiceAccount] = serviceAccount
	}
	for name, value := range ofPod {
		if relevant(name) {
			all[fromKubernetes+name] = value
		}
	}
	for name, value := range ofNamespace {
		all[fromKubernetes+labelOfNamespace+name] = value
	}
	return all
}

// relevant reports whether a label of a pod is one of its identity.
func relevant(name string) bool {
	if strings.HasPrefix(name, labelApplication) {
		return true
	}
	for _, prefix := range irrelevant {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return !strings.Contains(name, "beta.kubernetes.io")
}
