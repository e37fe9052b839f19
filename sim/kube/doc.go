// Package kube is the world's kube-apiserver: the REST protocol of Kubernetes
// over a net.Listener, served to unmodified client-go and Cilium clientsets.
//
//	store := storage.New(storage.Config{Seed: seed})         // what etcd holds, one for all replicas
//	store.OnCommit = func(c *storage.Commit) { ... }         // every write, in order
//	store.Create(obj)                                        // initial state
//	store.CreateSystemNamespaces()
//	server := kube.NewServer(store, kube.Config{Name: "k0"}) // one replica, with its own watch cache
//	go server.Serve(listener)                                // until Close
//	server.SetLag("", 5 * time.Second)                           // and other faults: Config.Intercept,
//	server.ExpireWatches()                                   // (a Fail per request), CloseWatches
//	server.Shutdown()                                        // nobody is let in any more, open watches go on
//	server.Close()                                           // a restart is Close and a NewServer
//
// The store is package storage, a replica's watch cache package cacher; this
// package is the HTTP API: requests, answers, watches, and the faults of each. The
// process calls kubeclient.Fit once, before its bubble.
//
// # What is modelled
//
// One Store has one resourceVersion for all kinds, like the etcd behind a real
// kube-apiserver, and keeps its past for storage.Config.History. Writes: create
// (generateName too), update, patch (JSON patch, merge patch, strategic merge
// for built-in kinds), delete and delete of a collection, with preconditions,
// conflicts, finalizers, status subresources, generations, schemas of custom
// resources, managedFields, and without a commit where nothing changes. A Pod on a node
// that is deleted ends when its kubelet says so, a namespace when it has been emptied, and
// until then takes nothing new; who stands for kubelets and controllers is a client, such as
// package workload. Reads: get, list and watch
// with every form of resourceVersion and resourceVersionMatch, pagination with
// continue tokens, label and field selectors, bookmarks, streaming lists, timeouts
// and expiry.
// The rules follow k8s.io/apiserver as of Kubernetes 1.36 (pkg/storage/cacher,
// pkg/registry/generic/registry).
//
// A Server answers gets and pages without a resourceVersion from the Store: they are
// consistent. So are lists without one, for which the watch cache is awaited. Everything else
// comes from the watch cache as it is, which may lag (Config.Cache.Lag). It begins with what
// the Store has, as a real one is filled by a linearizable list; one that has just started
// refuses custom resources for a moment (Config.Starting).
//
// # What stays different
//
// Package conformance holds this one to a real kube-apiserver, by a script that both
// were asked. What a real one does and this one does not, or otherwise, is here in short; a heading
// of conformance/differences.md for each line has the details, which the test there compares:
//
//   - Not modelled: dry runs, server-side apply, field validation, subresources but status (scale) and
//     the like are answered by 501, and Config.OnUnmodeled is told; HEAD, YAML and protobuf are refused.
//   - Discovery: what the world uses is served, in the plain form, as Kubernetes 1.36.0.
//   - Not found: what is not there is 404 as a Status, where a real one sends a text, or 405 for a
//     method that a path does not have.
//   - Refusals: some codes are others (400 for 422), details are fewer, there are no warnings.
//   - Forms of answers: objects as JSON, never a Table, metadata alone or protobuf.
//   - Lists and watches: bookmarks come at other times, other tokens, no empty "continue".
//   - Built-in kinds: nothing is validated, defaulted or allocated (no Service gets a clusterIP).
//   - Starts, stops and ends: caches are filled in 100 ms whatever there is in them; there are no
//     controllers and no kubelet, and owner references have no effect. A client cannot change
//     managedFields itself, and eleven writers of one object are eleven, where a real one sums up the oldest.
//
// There is no admission but that of namespaces: what a client sends is what is stored, but for
// fields of a custom resource that its schema does not know (storage.Resource.Schema).
// Authentication is not looked at.
//
// A resource that the Store does not serve is answered by 404, as by a real
// kube-apiserver without the CRD.
package kube
