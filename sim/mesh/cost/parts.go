package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
	"github.com/meshcheck/meshcheck/model/schema"
)

// What is written: this many objects, each of them changed several times in a round. Who changes them
// waits, when each has been changed once, until all has been heard: so nothing is left out in between.
const (
	objects = 100
	slice   = 100 // endpoints in a slice
)

// changes is how often each object is changed.
func (w *world) changes() int { return 2 * w.size.Updates / objects }

// What the keys begin with.
var (
	endpointKeys = schema.KindNamed(schema.Endpoint).Prefix
	identityKeys = schema.KindNamed(schema.Identity).Prefix
)

const (
	endpoints  = "/apis/cilium.io/v2/namespaces/default/ciliumendpoints"
	slices     = "/apis/cilium.io/v2alpha1/ciliumendpointslices"
	identities = "/apis/cilium.io/v2/ciliumidentities"
)

func ip(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250) }

func identity(i int) string {
	return fmt.Sprintf(`{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"%d"},"security-labels":{"k8s:app":"web-%[1]d","k8s:io.cilium.k8s.policy.cluster":"c1",`+
		`"k8s:io.cilium.k8s.policy.serviceaccount":"default","k8s:io.kubernetes.pod.namespace":"default"}}`, i)
}

func endpoint(i int) string {
	return fmt.Sprintf(`{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"pod-%d"},"status":{"id":1,"identity":{"id":66001},`+
		`"networking":{"addressing":[{"ipv4":%q}],"node":"192.168.0.1"},"state":"ready"}}`, i, ip(i))
}

// sliced is a slice, of whose endpoints one has another identity.
func sliced(name, odd int, id int) string {
	var all []string
	for i := range slice {
		identity := 66001
		if i == odd {
			identity = id
		}
		all = append(all, fmt.Sprintf(`{"name":"pod-%d-%d","id":%d,"networking":{"addressing":[{"ipv4":"10.%d.0.%d"}],"node":"192.168.0.1"}}`, name, i, identity, 1+name, 1+i))
	}
	return fmt.Sprintf(`{"kind":"CiliumEndpointSlice","apiVersion":"cilium.io/v2alpha1","metadata":{"name":"ces-%d"},"namespace":"default","endpoints":[%s]}`, name, strings.Join(all, ","))
}

// writers measures Cilium's writer: what becomes a key costs it.
func writers(ctx context.Context, w *world, samples *measure.Samples) error {
	for i := range objects {
		for path, body := range map[string]string{endpoints: endpoint(i), slices: sliced(i, 0, 66001)} {
			if err := w.create(ctx, path, body); err != nil {
				return err
			}
		}
	}
	for _, mode := range []string{"endpoints", "slices"} {
		if err := w.start(ctx, "writer", nil, w.kube, w.etcd, mode); err != nil {
			return err
		}
		keys := map[string]int64{"endpoints": objects, "slices": objects * slice}[mode]
		if err := w.has(ctx, endpointKeys, keys); err != nil {
			return err
		}
		idle, err := w.pids.Idle()
		if err != nil {
			return err
		}
		for range w.size.Rounds {
			if mode == "endpoints" {
				err = w.writer(ctx, idle, samples, "a change of a CiliumEndpoint, which it puts", endpointKeys, w.changes(), func(i, n int) error {
					return w.patch(ctx, fmt.Sprintf("%s/pod-%d", endpoints, i), fmt.Sprintf(`{"status":{"identity":{"id":%d}}}`, 66002+n%2))
				})
				if err == nil {
					err = w.writer(ctx, idle, samples, "a new CiliumIdentity or its end, which it puts or deletes", identityKeys, w.changes(), func(i, n int) error {
						if n%2 == 0 {
							return w.create(ctx, identities, identity(67000+i))
						}
						return w.ask(ctx, http.MethodDelete, fmt.Sprintf("%s/%d", identities, 67000+i), "application/json", "")
					})
				}
			} else {
				err = w.writer(ctx, idle, samples, fmt.Sprintf("a change of one of %d endpoints in a CiliumEndpointSlice, which it puts", slice), endpointKeys, w.changes()/2, func(i, n int) error {
					return w.patch(ctx, fmt.Sprintf("%s/ces-%d", slices, i), sliced(i, 7, 66002+n%2))
				})
			}
			if err != nil {
				return err
			}
			w.steps.Done("the writer, with " + mode)
		}
		last := w.processes[len(w.processes)-1]
		if err := last.Process.Kill(); err != nil {
			return err
		}
		delete(w.pids, "writer")
		if _, err := w.keys.Delete(ctx, "cilium/", clientv3.WithPrefix()); err != nil {
			return err
		}
	}
	return nil
}

// writer measures the writer while so many changes of each object become keys.
func (w *world) writer(ctx context.Context, idle map[string]float64, samples *measure.Samples, what, prefix string, changes int, change func(object, n int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	used, err := w.pids.During(idle, func() error {
		for n := range changes {
			if err := w.once(ctx, prefix, func(i int) error { return change(i, n) }); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	samples.Add("writer", what, "ms of CPU", 0, used["writer"]*1e3/float64(objects*changes))
	return nil
}

// once changes each object, and waits until a key of each has changed.
func (w *world) once(ctx context.Context, prefix string, change func(object int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	heard := measure.NewHearing(objects)
	if err := w.hear(ctx, w.keys, prefix, heard); err != nil {
		return err
	}
	for i := range objects {
		if err := change(i); err != nil {
			return err
		}
	}
	return heard.All()
}

// key is a key as the writer puts it, with its value.
func key(kind string, i, n int) (key, value string) {
	if kind == "endpoint" {
		return endpointKeys + ip(i), fmt.Sprintf(`{"IP":%q,"Mask":null,"HostIP":"192.168.0.1","ID":%d,"Key":0,"Metadata":"cilium-global:c1:node-1:1","K8sNamespace":"default","K8sPodName":"pod-%d","K8sServiceAccount":"default"}`, ip(i), 66002+n%2, i)
	}
	return fmt.Sprintf("%s%d", identityKeys, 67000+i), fmt.Sprintf("k8s:app=web-%d;k8s:io.cilium.k8s.policy.cluster=c1;k8s:io.cilium.k8s.policy.serviceaccount=default;k8s:io.kubernetes.pod.namespace=default;", i)
}

// etcds measures an etcd: what puts cost it, and their events for each watcher.
func etcds(ctx context.Context, w *world, samples *measure.Samples) error {
	idle, err := w.pids.Idle()
	if err != nil {
		return err
	}
	for range w.size.Rounds {
		for _, kind := range []string{"endpoint", "identity"} {
			var cost [3]float64
			watchers, size := [3]int{0, measure.FewWatchers, w.size.Watchers}, 0
			for i, n := range watchers {
				if cost[i], size, err = w.watched(ctx, idle, kind, n); err != nil {
					return err
				}
			}
			samples.Add("etcd", "a put of an "+kind+"'s key", "ms of CPU", 0, cost[0]*1e3/float64(w.size.Updates))
			samples.Add("etcd", "an event of an "+kind+"'s key, for each watcher", "µs of CPU", size, (cost[2]-cost[1])*1e6/float64(w.size.Updates*(watchers[2]-watchers[1])))
		}
		if err := w.ranges(ctx, idle, samples); err != nil {
			return err
		}
		w.steps.Done("the etcd")
	}
	return nil
}

// Ranges are of so many keys, so often.
const (
	ranged = 5000
	page   = 1000 // keys of an answer
	gets   = 1000
	ranges = 20
)

// ranges measures what reads cost an etcd: of a key, and of many keys, page by page as Cilium's clients ask.
func (w *world) ranges(ctx context.Context, idle map[string]float64, samples *measure.Samples) error {
	const prefix = "ranged/"
	for i := range ranged {
		k, v := key("endpoint", i, 0)
		if _, err := w.keys.Put(ctx, prefix+k, v); err != nil {
			return err
		}
	}
	used, err := w.pids.During(idle, func() error {
		for i := range gets {
			k, _ := key("endpoint", i, 0)
			if _, err := w.keys.Get(ctx, prefix+k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	samples.Add("etcd", "a get of an endpoint's key", "ms of CPU", 0, used["etcd"]*1e3/gets)
	size := 0
	used, err = w.pids.During(idle, func() error {
		for range ranges {
			size = 0
			for from := prefix; ; {
				r, err := w.keys.Get(ctx, from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithLimit(page))
				if err != nil {
					return err
				}
				size += proto.Size((*pb.RangeResponse)(r))
				if !r.More {
					break
				}
				from = string(r.Kvs[len(r.Kvs)-1].Key) + "\x00"
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	samples.Add("etcd", "a KiB of a range of endpoints' keys", "µs of CPU", size, used["etcd"]*1e6/(ranges*float64(size)/1024))
	_, err = w.keys.Delete(ctx, prefix, clientv3.WithPrefix())
	return err
}

// watched measures the etcd while keys are put one after the other, of which watchers hear, each over
// a connection of its own.
func (w *world) watched(ctx context.Context, idle map[string]float64, kind string, watchers int) (cost float64, size int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	heard := measure.NewHearing(watchers * w.size.Updates)
	var clients []*clientv3.Client
	defer func() {
		cancel()
		for _, c := range clients {
			c.Close()
		}
	}()
	for range watchers {
		c, err := w.connect(ctx)
		if err != nil {
			return 0, 0, err
		}
		clients = append(clients, c)
		if err := w.hear(ctx, c, map[string]string{"endpoint": endpointKeys, "identity": identityKeys}[kind], heard); err != nil {
			return 0, 0, err
		}
	}
	time.Sleep(2 * time.Second) // until all is quiet
	used, err := w.pids.During(idle, func() error {
		for i := range w.size.Updates {
			k, v := key(kind, i%objects, i/objects)
			if _, err := w.keys.Put(ctx, k, v); err != nil {
				return err
			}
		}
		return heard.All()
	})
	return used["etcd"], heard.Size(), err
}

// agents measures Cilium's reader in an agent: what an event of a key costs it.
func agents(ctx context.Context, w *world, samples *measure.Samples) error {
	if err := w.start(ctx, "writer", nil, w.kube, w.etcd, "endpoints"); err != nil { // for what says that the store is complete
		return err
	}
	var c counter
	if err := w.start(ctx, "agent", func(p *exec.Cmd) (err error) {
		if c.ask, err = p.StdinPipe(); err != nil {
			return err
		}
		answer, err := p.StdoutPipe()
		c.answer = bufio.NewReader(answer)
		return err
	}, w.etcd, w.dir); err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // until it has its lists
	idle, err := w.pids.Idle()
	if err != nil {
		return err
	}
	for range w.size.Rounds {
		if err := w.agent(ctx, &c, idle, samples, "an event of an endpoint's key", func(i, n int) error {
			k, v := key("endpoint", i, n)
			_, err := w.keys.Put(ctx, k, v)
			return err
		}); err != nil {
			return err
		}
		if err := w.agent(ctx, &c, idle, samples, "an event of an identity's key", func(i, n int) error {
			k, v := key("identity", i, n)
			if n%2 == 1 {
				_, err := w.keys.Delete(ctx, k)
				return err
			}
			_, err := w.keys.Put(ctx, k, v)
			return err
		}); err != nil {
			return err
		}
		w.steps.Done("the agent")
	}
	return nil
}

func (w *world) agent(ctx context.Context, c *counter, idle map[string]float64, samples *measure.Samples, what string, change func(object, n int) error) error {
	each := 5 * w.changes()
	begin, err := c.count()
	if err != nil {
		return err
	}
	used, err := w.pids.During(idle, func() error {
		for n := range each {
			for i := range objects {
				if err := change(i, n); err != nil {
					return err
				}
			}
			if err := c.reaches(begin + (n+1)*objects); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	if now, err := c.count(); err != nil || now != begin+each*objects {
		return fmt.Errorf("%s: %d changes have reached the agent, of %d: %v", what, now-begin, each*objects, err)
	}
	samples.Add("agent", what, "µs of CPU", 0, used["agent"]*1e6/float64(each*objects))
	return nil
}
