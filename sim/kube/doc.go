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
// # What is not
//
// Package conformance holds this one to a real kube-apiserver, by a script that both
// were asked: conformance/differences.md is the table of what differs, kept true by its
// test. In short:
//
// There are no controllers and no kubelet in here, and no admission but that of namespaces: what
// a client sends is what is stored, but for fields of a custom resource that its schema does not
// know (storage.Resource.Schema). Nothing is defaulted or allocated (no Service gets a clusterIP), and
// owner references have no effect. A client cannot change managedFields itself, and eleven writers of
// one object are eleven, where a real one sums up the oldest. Authentication is not looked at.
//
// A resource that the Store does not serve is answered by 404, as by a real
// kube-apiserver without the CRD. A request for a served resource that is not
// modelled (dry runs, server-side apply, scale and the like) is answered by 501,
// and Config.OnUnmodeled is told.
package kube
