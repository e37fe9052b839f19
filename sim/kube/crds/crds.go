// Package crds gives the kube-apiserver of the world the schemas of Cilium's
// CustomResourceDefinitions, as Cilium's operator installs them.
package crds

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client"

	"github.com/meshcheck/meshcheck/sim/kube/schema"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// names are those of the CRDs by kind.
var names = map[string]string{
	"CiliumEndpoint":      client.CEPCRDName,
	"CiliumEndpointSlice": client.CESCRDName,
	"CiliumIdentity":      client.CIDCRDName,
	"CiliumNode":          client.CNCRDName,
}

// Resources returns storage.DefaultResources with the schemas. It panics if Cilium has
// a CRD whose schema is not modelled.
func Resources() []storage.Resource {
	schemas := read()
	resources := storage.DefaultResources()
	for i := range resources {
		resources[i].Schema = schemas[resources[i].Kind]
	}
	return resources
}

// read reads the CRDs once: they are 70 kB of YAML.
var read = sync.OnceValue(func() map[string]*schema.Schema {
	schemas := map[string]*schema.Schema{}
	for _, r := range storage.DefaultResources() {
		name, ok := names[r.Kind]
		if !ok {
			continue
		}
		crd := client.GetPregeneratedCRD(slog.Default(), name)
		s, err := schema.New(&crd, r.Version)
		if err != nil {
			panic(fmt.Sprintf("crds: %v", err))
		}
		schemas[r.Kind] = s
	}
	return schemas
})
