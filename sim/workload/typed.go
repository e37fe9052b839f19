package workload

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
)

// CheckObjects refuses objects of a plan that Cilium and Kubernetes could not read by their
// own types: a line for each, with its place and the field.
func CheckObjects(objects []json.RawMessage) error {
	var all []error
	for i, raw := range objects {
		var head struct {
			Kind     string
			Metadata struct{ Namespace, Name string }
		}
		err := json.Unmarshal(raw, &head)
		if err == nil {
			err = json.Unmarshal(raw, typeOf(head.Kind))
		}
		if err != nil {
			all = append(all, fmt.Errorf("objects[%d]: %w", i, err))
		}
	}
	return errors.Join(all...)
}

func typeOf(kind string) any {
	switch kind {
	case "CiliumIdentity":
		return new(v2.CiliumIdentity)
	case "CiliumEndpoint":
		return new(v2.CiliumEndpoint)
	case "CiliumEndpointSlice":
		return new(v2alpha1.CiliumEndpointSlice)
	case "CiliumNode":
		return new(v2.CiliumNode)
	case "Namespace":
		return new(corev1.Namespace)
	case "Pod":
		return new(corev1.Pod)
	}
	return new(any) // the kube-apiserver says whether it knows the kind
}
