package sources

import (
	"encoding/json"
	"math"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
)

// The time-outs of Cilium v1.20.2 and of its etcd and gRPC clients, by which an agent notices
// that it has no source, and finds another one.
const (
	// pkg/kvstore/kvstore.go, HeartbeatWriteInterval; pkg/kvstore/etcd.go, statusChecker: a
	// heartbeat that is older than two of them is an error, found by the next status check.
	heartbeatInterval = time.Minute
	// pkg/kvstore/backend.go, StatusCheckInterval while all is well, which grows with the
	// cluster: pkg/backoff/backoff.go, ClusterSizeDependantInterval.
	statusCheck = 30 * time.Second
	// pkg/kvstore/etcd.go, getClientOptions: KeepAliveHeartbeat and KeepAliveTimeout, after
	// which gRPC closes a connection on which nothing comes.
	keepAlive = 15*time.Second + 25*time.Second
	// k8s.io/apimachinery/pkg/util/net/http.go, ReadIdleTimeout and PingTimeout, after which a client
	// of a kube-apiserver closes a connection on which nothing comes.
	ping = 30*time.Second + 15*time.Second
	// k8s.io/client-go/tools/cache/reflector.go, defaultBackoffMax and as long again by its jitter.
	reflectorBackOff = 2 * 30 * time.Second
	// google.golang.org/grpc/backoff, DefaultConfig: from 1 s on each wait is 1.6 times as long,
	// by up to a fifth more or less, and 120 s at most.
	firstBackOff, growth, jitter, longestBackOff = time.Second, 1.6, 0.2, 120 * time.Second
	// google.golang.org/grpc, minConnectTimeout: how long one attempt takes that nobody answers.
	attempt = 20 * time.Second
	// pkg/controller/controller.go, runController: the n-th error in a row is followed by n
	// seconds; pkg/clustermesh/common/remote_cluster.go, restartRemoteConnection, whose attempts
	// end with an error if what answers is another etcd than the one before.
	retry = time.Second
	// The requests of a client until it has all lists and watches, in round trips: a connection, the
	// heartbeat, the cluster's configuration, and each prefix with its canary; and a page of a
	// list for each 256 keys (pkg/kvstore/etcd.go, defaultListBatchSize).
	roundTrips, page = 60, 256
	// What the client's rate limiter lets pass at once is not counted: each of the requests waits.
	requests = 20
)

// Bounds are how long the parts of a fail-over may take in a world.
type bounds struct {
	nodes   int
	qps     int
	latency time.Duration
	entries int
}

// boundsOf reads them off the history's plan; what it does not say is as Cilium has it.
func boundsOf(in *property.Input) bounds {
	var plan struct {
		Topology struct{ Nodes int }
		Network  struct{ LatencyMax string }
		Options  struct{ AgentQPS int }
	}
	b := bounds{qps: 20, entries: len(in.Views.Entries)}
	if json.Unmarshal([]byte(in.History.Plan), &plan) != nil {
		return b
	}
	b.nodes = plan.Topology.Nodes
	if plan.Options.AgentQPS > 0 {
		b.qps = plan.Options.AgentQPS
	}
	b.latency, _ = time.ParseDuration(plan.Network.LatencyMax)
	return b
}

// silence is how long an agent takes to notice that no heartbeat comes any more.
func (b bounds) silence() time.Duration {
	interval := statusCheck
	if b.nodes > 0 {
		interval = time.Duration(float64(statusCheck) * math.Log1p(float64(b.nodes)))
	}
	return 2*heartbeatInterval + interval
}

// backOff is how long a client may wait that has tried in vain for a time: the longer it has
// tried the longer, and the attempt that is under way.
func backOff(tried time.Duration) time.Duration {
	// n waits of at least 1-jitter times growth^i sum up to tried; the next is growth^n and jitter.
	next := time.Duration(float64(firstBackOff)*(1+jitter)) + time.Duration((growth-1)*(1+jitter)/(1-jitter)*float64(tried))
	next = min(next, time.Duration(float64(longestBackOff)*(1+jitter)))
	errors := time.Duration(math.Sqrt(2*tried.Seconds())+1) * retry
	return max(next, attempt) + next + errors
}

// list is how long an agent takes to connect and to have all lists and watches.
func (b bounds) list() time.Duration {
	n := requests + b.entries/page
	return roundTrips*2*b.latency + time.Duration(n)*time.Second/time.Duration(b.qps) + time.Second
}
