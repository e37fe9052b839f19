package cilium

import (
	_ "unsafe" // for go:linkname

	"github.com/cilium/hive"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/cilium/cilium/pkg/controller"
	"github.com/cilium/cilium/pkg/kvstore"
)

// Shutdown returns the channel on which a hive's jobs ask for its end. Only Hive.Run
// reads it, which also waits for signals of the operating system and cannot be used
// here.
func Shutdown(h *hive.Hive) <-chan error { return *field[chan error](h, "shutdown") }

// AbandonEtcd closes the connections of Cilium's etcd client from outside, as the
// death of its process does: without that its jobs would wait for answers that
// cannot come any more. Closing Cilium's client itself does not do: the hive closes
// it, and it cannot be closed twice.
func AbandonEtcd(c kvstore.Client) {
	backend := *field[kvstore.BackendOperations](c, "BackendOperations")
	if backend == nil {
		return // it never came so far
	}
	(*field[*clientv3.Client](backend, "client")).Close()
}

// EndControllers ends the controllers of an endpoint, a *endpoint.Endpoint of cilium-agent, as
// the end of its process does. They outlive Endpoint.Stop, waiting for who ends them.
func EndControllers(endpoint any) { (*field[*controller.Manager](endpoint, "controllers")).RemoveAll() }

// EnterBubble makes anew what go.etcd.io/etcd/client/v3 makes when the program starts
// and then waits on with every watch: a channel that never ends. Made outside a
// bubble, it would keep the bubble from being idle. Whoever leaves the bubble and
// goes on calls it again.
func EnterBubble() { etcdNeverDone = make(chan struct{}) }

//go:linkname etcdNeverDone go.etcd.io/etcd/client/v3.valCtxCh
var etcdNeverDone chan struct{}
