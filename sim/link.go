package sim

import (
	_ "unsafe" // for go:linkname

	_ "go.etcd.io/etcd/client/v3"
)

// etcdNeverDone is a channel that go.etcd.io/etcd/client/v3 makes when the
// program starts and waits on with every watch. Made outside the bubble, it would
// keep the bubble from being idle: the world makes a new one inside.
//
//go:linkname etcdNeverDone go.etcd.io/etcd/client/v3.valCtxCh
var etcdNeverDone chan struct{}
