package cilium

import (
	"fmt"

	"github.com/meshcheck/meshcheck/sim/proc"
)

// What meshcheck assumes of the sources of the code under test. The test of this
// package checks every line against the module versions in go.mod.

const (
	ciliumModule = "github.com/cilium/cilium/"
	hiveModule   = "github.com/cilium/hive"
	etcdServer   = "go.etcd.io/etcd/server/v3/"
)

// privateField is a field that a function of this package reads or writes.
type privateField struct {
	pkg, structure, name string
	is                   string // its type, as the source spells it; empty for an embedded field
}

var privateFields = []privateField{
	{hiveModule, "Hive", "shutdown", "chan error"},
	{ciliumModule + "pkg/kvstore", "clientImpl", "BackendOperations", ""},
	{ciliumModule + "pkg/kvstore", "etcdClient", "client", "*client.Client"},
	{ciliumModule + "pkg/endpoint", "Endpoint", "controllers", "*controller.Manager"},
	{ciliumModule + "pkg/identity/cache", "CachingIdentityAllocator", "events", "allocator.AllocatorEventChan"},
	{ciliumModule + "pkg/identity/cache", "CachingIdentityAllocator", "globalIdentityAllocatorInitialized", "chan struct{}"},
	{ciliumModule + "operator/pkg/ciliumidentity", "Controller", "jobGroup", "job.Group"},
	{ciliumModule + "operator/pkg/ciliumidentity", "Controller", "resourceQueue", "workqueue.TypedRateLimitingInterface[QueuedItem]"},
	{ciliumModule + "operator/pkg/ciliumendpointslice", "Controller", "contextCancel", "context.CancelFunc"},
	{ciliumModule + "operator/pkg/ciliumendpointslice", "Controller", "fastQueue", "workqueue.TypedRateLimitingInterface[CESKey]"},
	{ciliumModule + "operator/pkg/ciliumendpointslice", "Controller", "standardQueue", "workqueue.TypedRateLimitingInterface[CESKey]"},
	{ciliumModule + "operator/pkg/ciliumendpointslice", "Controller", "cond", "sync.Cond"},
	{ciliumModule + "pkg/k8s/synced", "Resources", "logger", "*slog.Logger"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "logger", "*slog.Logger"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "k8sResourceSynced", "*k8sSynced.Resources"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "k8sAPIGroups", "*k8sSynced.APIGroups"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "endpointManager", "endpointManager"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "policyManager", "policyManager"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "ipcache", "ipcacheManager"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "wgConfig", "wgTypes.Config"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "ipsecConfig", "ipsec.Config"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "localNodeStore", "*node.LocalNodeStore"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "ciliumSlimEndpoint", "resource.Resource[*types.CiliumEndpoint]"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumEndpointsWatcher", "ciliumEndpointSlice", "resource.Resource[*cilium_api_v2a1.CiliumEndpointSlice]"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "logger", "*slog.Logger"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "clientset", "k8sClient.Clientset"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "k8sResourceSynced", "*k8sSynced.Resources"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "k8sAPIGroups", "*k8sSynced.APIGroups"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "ciliumNode", "resource.Resource[*cilium_v2.CiliumNode]"},
	{ciliumModule + "pkg/k8s/watchers", "K8sCiliumNodeWatcher", "nodeManager", "nodeManager"},
	{ciliumModule + "pkg/kvstore/store", "SharedStore", "controllerName", "string"},
	{etcdServer + "etcdserver", "EtcdServer", "uberApply", "apply.UberApplier"},
	{etcdServer + "etcdserver", "EtcdServer", "lessor", "lease.Lessor"},
	{etcdServer + "etcdserver", "EtcdServer", "bemu", "sync.RWMutex"},
	{etcdServer + "etcdserver", "EtcdServer", "be", "backend.Backend"},
	{etcdServer + "lease", "lessor", "mu", "sync.RWMutex"},
	{etcdServer + "lease", "lessor", "leaseExpiredNotifier", "*LeaseExpiredNotifier"},
	{etcdServer + "lease", "LeaseWithTime", "id", "LeaseID"},
	{etcdServer + "lease", "LeaseWithTime", "time", "time.Time"},
	{etcdServer + "lease", "Lease", "expiryMu", "sync.RWMutex"},
	{etcdServer + "lease", "Lease", "expiry", "time.Time"},
}

// linkedName is a function or variable that this package reaches by go:linkname.
type linkedName struct {
	pkg, name string
	is        string // the type of a variable, or the signature of a function
}

var linkedNames = []linkedName{
	{"go.etcd.io/etcd/client/v3", "valCtxCh", "make(chan struct{})"},
	{etcdServer + "storage/mvcc", "chanBufLen", "128"},
	{ciliumModule + "pkg/node/types", "nodeName", `"localhost"`},
	{ciliumModule + "pkg/node/types", "absoluteNodeName", "nodeName"},
	{ciliumModule + "pkg/clustermesh/common", "(*clusterMesh).add", "func(name, path string)"},
	{ciliumModule + "clustermesh-apiserver/clustermesh", "registerUsersManager", "func(\n\tlc cell.Lifecycle,\n\tcfg UsersManagementConfig,\n\tcinfo cmtypes.ClusterInfo,\n\tclient kvstore.BackendOperationsUserMgmt,\n\tlogger *slog.Logger,\n) error"},
	{ciliumModule + "pkg/kvstore/store", "controllers", "controller.Manager"},
	{ciliumModule + "pkg/kvstore", "etcd3ClientLogger", "*zap.Logger"},
	{ciliumModule + "pkg/kvstore/store", "(*SharedStore).syncLocalKeys", "func(ctx context.Context, lease bool) error"},
	{ciliumModule + "pkg/k8s/watchers", "(*K8sCiliumEndpointsWatcher).ciliumEndpointsInit", "func(ctx context.Context)"},
	{ciliumModule + "pkg/k8s/watchers", "(*K8sCiliumNodeWatcher).ciliumNodeInit", "func(ctx context.Context)"},
	{ciliumModule + "pkg/dial", "newContextDialer", "func(log *slog.Logger, dialContext dialContextFn, resolvers ...Resolver) dialContextFn"},
	{ciliumModule + "pkg/k8s/watchers", "cesNotify", "subscriber.NewCES()"},
	{ciliumModule + "pkg/k8s/watchers", "newCESSubscriber", "func(logger *slog.Logger, k *K8sCiliumEndpointsWatcher) *cesSubscriber"},
	{ciliumModule + "pkg/k8s/watchers", "(*cesSubscriber).OnAdd", "func(ces *cilium_v2a1.CiliumEndpointSlice)"},
	{ciliumModule + "pkg/k8s/watchers", "(*cesSubscriber).OnUpdate", "func(oldCES, newCES *cilium_v2a1.CiliumEndpointSlice)"},
	{ciliumModule + "pkg/k8s/watchers", "(*cesSubscriber).OnDelete", "func(ces *cilium_v2a1.CiliumEndpointSlice)"},
}

// copiedCode is a declaration of the code under test that meshcheck has to write
// again, because it waits in the operating system, dials by itself, or cannot be
// called. If the original changes, the copy may have to.
type copiedCode struct {
	pkg, name string
	by        string // which file or folder here does it instead
	sum       string // the first 16 digits of the SHA-256 of its source
}

var copiedCodes = []copiedCode{
	{hiveModule, "(*Hive).Run", "sim/mesh/writer.go and sim/operator/process.go", "46b527621eb65a3c"},
	{ciliumModule + "operator/cmd", "runOperator", "sim/operator/election.go", "8a777c4936a24243"},
	{ciliumModule + "operator/cmd", "WithLeaderLifecycle", "sim/operator/lifecycle.go", "0a2bd244d7fa0483"},
	{ciliumModule + "operator/cmd", "ControlPlaneLeaderCells", "sim/operator/hive.go", "1c09349206dbc249"},
	{ciliumModule + "clustermesh-apiserver/clustermesh", "Cell", "sim/mesh/writer.go", "aa702ccfb00f019c"},
	{ciliumModule + "pkg/clustermesh/common", "DefaultRemoteClientFactory", "sim/agent/clustermesh/reader.go", "6f8e6c6d43a256a5"},
	{ciliumModule + "pkg/identity/cache", "(*CachingIdentityAllocator).InitIdentityAllocator", "sim/agent/identities.go", "686921427e054a67"},
	{ciliumModule + "pkg/k8s/watchers", "(*K8sCiliumEndpointsWatcher).ciliumEndpointSliceInit", "sim/agent/crd/slices.go", "856894f54987fdcf"},
	{ciliumModule + "pkg/kvstore", "LockPath", "sim/agent/kvstore/locks.go", "fb7a653f51858dd6"},
	{ciliumModule + "pkg/kvstore/store", "JoinSharedStore", "sim/cilium/kvstore.go", "7bfe6b767903b21f"},
	{ciliumModule + "pkg/nodediscovery", "(*NodeDiscovery).StartDiscovery", "sim/agent/kvstore/node.go", "ea858f7c0d08ab71"},
	{ciliumModule + "pkg/endpoint", "(*Endpoint).runIPIdentitySync", "sim/agent/kvstore/endpoints.go", "51d9fadd5150206c"},
	{ciliumModule + "pkg/endpoint", "(*Endpoint).leaveLocked", "sim/agent/kvstore/endpoints.go", "a1e38386ca236e31"},
	{ciliumModule + "pkg/k8s/client", "newClientsetForUserAgent", "sim/kubeclient", "a3d2e3852338da16"},
}

// copiedSetting is a line of the code under test, or of what it stands on, that the world goes by
// where it cannot see what is set: of sockets, see simnet.Socket.
type copiedSetting struct {
	pkg, name string // of the declaration that has it
	is        string // the line, with single spaces
	by        string // what goes by it
}

var copiedSettings = []copiedSetting{
	{ciliumModule + "pkg/kvstore", "(*etcdModule).newClient", "KeepAliveHeartbeat: 15 * time.Second,", "sim/proc, EtcdSocket"},
	{ciliumModule + "pkg/kvstore", "(*etcdModule).newClient", fmt.Sprintf("KeepAliveTimeout: %.0f * time.Second,", proc.EtcdSocket.UserTimeout.Seconds()), "sim/proc, EtcdSocket"},
	{ciliumModule + "pkg/kvstore", "connectEtcdClient", "config.DialKeepAliveTime = clientOptions.KeepAliveHeartbeat", "sim/proc, EtcdSocket"},
	{ciliumModule + "pkg/kvstore", "connectEtcdClient", "config.DialKeepAliveTimeout = clientOptions.KeepAliveTimeout", "sim/proc, EtcdSocket"},
	{"go.etcd.io/etcd/client/v3", "(*Client).dialSetupOpts", "Timeout: c.cfg.DialKeepAliveTimeout,", "sim/proc, EtcdSocket"},
	{"google.golang.org/grpc/internal/transport", "NewHTTP2Client", "if err = isyscall.SetTCPUserTimeout(conn, kp.Timeout); err != nil {", "sim/proc, EtcdSocket"},
	{ciliumModule + "pkg/k8s/client", "defaultSharedConfig", "K8sClientConnectionKeepAlive: 30 * time.Second,", "sim/kubeclient, kubeSocket"},
	{"go.etcd.io/etcd/client/pkg/v3/transport", "NewTransport", "KeepAlive: 30 * time.Second,", "sim/deploy/kvstore, newCluster"},
	{"net", "defaultTCPKeepAliveIdle", "15 * time.Second", "sim/simnet, Config.KeepAlive"},
	{"net", "defaultTCPKeepAliveInterval", "15 * time.Second", "sim/simnet, probeInterval"},
	{"net", "defaultTCPKeepAliveCount", "9", "sim/simnet, probes"},
}
