package cilium

import (
	"context"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/cilium/cilium/pkg/controller"
	_ "github.com/cilium/cilium/pkg/kvstore" // whose log it is
	"github.com/cilium/cilium/pkg/kvstore/store"
	"go.uber.org/zap"
	"go.uber.org/zap/zapgrpc"
	"google.golang.org/grpc/grpclog"
)

// storeControllers are the controllers of all SharedStores of the process, by the prefix
// of the store.
//
//go:linkname storeControllers github.com/cilium/cilium/pkg/kvstore/store.controllers
var storeControllers controller.Manager

//go:linkname syncLocalKeys github.com/cilium/cilium/pkg/kvstore/store.(*SharedStore).syncLocalKeys
func syncLocalKeys(s *store.SharedStore, ctx context.Context, lease bool) error

// etcdClientLog is the log of all etcd clients of the process.
//
//go:linkname etcdClientLog github.com/cilium/cilium/pkg/kvstore.etcd3ClientLogger
var etcdClientLog *zap.Logger

// LogEtcdClients has Cilium's etcd clients, and gRPC below them, write into a log: the one that Cilium has
// made writes to standard error, and does not say whose client it is.
func LogEtcdClients(log *zap.Logger) {
	etcdClientLog = log
	grpclog.SetLoggerV2(zapgrpc.NewLogger(log))
}

// OwnSync gives the periodic synchronization of a SharedStore a name of its own: by the
// name that Cilium gives it, stores of two agents in one process would be one, that of the
// agent which joined last, and end with the first agent that leaves.
func OwnSync(s *store.SharedStore, name string, every time.Duration) {
	field := field[string](s, "controllerName")
	storeControllers.RemoveController(*field)
	*field = name
	storeControllers.UpdateController(name, controller.ControllerParams{
		Group:       controller.NewGroup("kvstore-sync"),
		DoFunc:      func(ctx context.Context) error { return syncLocalKeys(s, ctx, true) },
		RunInterval: every,
	})
}
