package mesh

import _ "unsafe" // for go:linkname

//go:linkname etcdNeverDone go.etcd.io/etcd/client/v3.valCtxCh
var etcdNeverDone chan struct{}
