package capacity

import (
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	measured "github.com/meshcheck/meshcheck/testdata/capacity"
)

// A Spread says which of a figure's rounds counts.
type Spread func(*Figure) float64

// The rounds of a figure that can count.
var (
	Median Spread = func(f *Figure) float64 { return f.Median }
	Least  Spread = func(f *Figure) float64 { return f.Least }
	Most   Spread = func(f *Figure) float64 { return f.Most }
)

// The processes whose prices are known.
const (
	kubeAPIServer = "kube-apiserver"
	etcd          = "etcd"
	writer        = "writer"
)

// Measured are the prices that were measured on one machine, of servers that have so many cores each: those of a
// kube-apiserver without its etcd, and those of a replica. The writer reads endpoints as CiliumEndpointSlices of 100,
// or as CiliumEndpoints.
func Measured(cores int, slices bool, of Spread) *fault.Capacity {
	kube, cilium := read("kube-apiserver-1.36.4.json"), read("cilium-1.20.2.json")
	change := "a change of a CiliumEndpoint, which it puts"
	if slices {
		change = "a change of one of 100 endpoints in a CiliumEndpointSlice, which it puts"
	}
	store := fault.Prices{
		Cores: cores, Read: cilium.price(etcd, "a get of an endpoint's key", of), Write: cilium.price(etcd, "a put of an endpoint's key", of),
		Event: cilium.price(etcd, "an event of an endpoint's key, for each watcher", of), Kilobyte: cilium.price(etcd, "a KiB of a range of endpoints' keys", of),
	}
	replica := store
	replica.Change = cilium.price(writer, change, of)
	return &fault.Capacity{
		APIServers: &fault.Prices{
			Cores: cores, Read: kube.price(kubeAPIServer, "a get of a CiliumEndpoint", of), Write: kube.price(kubeAPIServer, "a write of a CiliumEndpoint, by a merge patch", of),
			Event:    kube.price(kubeAPIServer, "an event of a CiliumEndpoint, by a merge patch, for each watcher", of),
			Kilobyte: kube.price(kubeAPIServer, "a KiB of CiliumEndpoints with which a watch begins", of),
		},
		Replicas: &replica, Etcds: &store,
	}
}

// read reads a file of this module, whose test holds that it can be read.
func read(name string) *File {
	raw, err := fs.ReadFile(measured.Files, name)
	if err != nil {
		panic(err)
	}
	f, err := Read(name, raw)
	if err != nil {
		panic(err)
	}
	return &f
}

// price is that of what a process does.
func (f *File) price(process, what string, of Spread) fault.Duration {
	units := map[string]time.Duration{"ms of CPU": time.Millisecond, "µs of CPU": time.Microsecond}
	for i := range f.Figures {
		if g := &f.Figures[i]; g.Process == process && g.What == what && units[g.Unit] > 0 {
			return fault.Duration(math.Round(of(g) * float64(units[g.Unit])))
		}
	}
	panic(fmt.Sprintf("testdata/capacity says nothing of %q of %s", what, process))
}
