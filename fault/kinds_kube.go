package fault

import (
	"fmt"
	"strings"

	"github.com/meshcheck/meshcheck/model/disturb"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Faults of kube-apiservers.
const (
	KubeRestart      Kind = "kube-restart"
	KubeLoss         Kind = "kube-loss"
	KubeLag          Kind = "kube-lag"
	KubeFreeze       Kind = "kube-freeze"
	KubeExpire       Kind = "kube-expire"
	KubeCloseWatches Kind = "kube-close-watches"
	KubeThrottle     Kind = "kube-throttle"
	KubeErrors       Kind = "kube-errors"
	KubeSlowLists    Kind = "kube-slow-lists"
	KubeListErrors   Kind = "kube-list-errors"
	KubeConflicts    Kind = "kube-conflicts"
)

// Faults of Cilium's operator.
const (
	OperatorRestart Kind = "operator-restart"
	OperatorCrash   Kind = "operator-crash"
	LeaderChange    Kind = "leader-change"
)

// cachedKinds are those that what is under test reads from watch caches.
var cachedKinds = []string{"Namespace", "CiliumNode", "CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"}

// ofResource names the objects of the fault's kind behind a word, if it is about one.
func (f *Fault) ofResource(word string) string {
	switch {
	case f.Resource == "":
		return ""
	case strings.HasSuffix(f.Resource, "y"):
		return word + strings.TrimSuffix(f.Resource, "y") + "ies"
	}
	return word + f.Resource + "s"
}

var kubeSpecs = []Spec{
	{
		Kind:     KubeRestart,
		Summary:  "a kube-apiserver stops and starts again after for; its watch cache begins lag behind the store and catches up",
		Disturbs: []disturb.Kind{disturb.ProcessEnded, disturb.CacheBehind},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 20 * second,
		Uses: []Use{lag.between(int64(ms), int64(longestPhase), 0, int64(30*second)).orNone()},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("kube-apiserver %s restarts after %s; its watch cache starts %s behind", f.Target, f.For, f.Lag)
		},
	},
	{
		Kind:     KubeLoss,
		Summary:  "a kube-apiserver is gone; after for it is back with a fresh watch cache",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 120 * second, Hows: []string{Killed, Silent},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("kube-apiserver %s is lost%s for %s", f.Target, f.manner(), f.For)
		},
	},
	{
		Kind:     KubeLag,
		Summary:  "the watch cache of a kube-apiserver sees each write lag later; with resource those of one kind, whose cache is then behind the others'",
		Disturbs: []disturb.Kind{disturb.CacheBehind},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 120 * second,
		Uses: []Use{lag.between(int64(ms), int64(longestPhase), int64(second), int64(60*second)), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the watch cache of %s is %s behind%s for %s", f.Target, f.Lag, f.ofResource(" with "), f.For)
		},
	},
	{
		Kind:     KubeFreeze,
		Summary:  "the watch cache of a kube-apiserver sees no write; with resource none of one kind",
		Disturbs: []disturb.Kind{disturb.CacheBehind},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the watch cache of %s%s is frozen for %s", f.Target, f.ofResource(" of "), f.For)
		},
	},
	{
		Kind:     KubeExpire,
		Summary:  "a kube-apiserver ends every open watch with 410: the clients must list again",
		Disturbs: []disturb.Kind{disturb.WatchesEnded},
		Targets:  roles{mode.APIServer},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s ends every watch with 410 (expired)", f.Target)
		},
	},
	{
		Kind:     KubeCloseWatches,
		Summary:  "a kube-apiserver closes every open watch early, as at a timeout: the clients go on from what they have seen",
		Disturbs: []disturb.Kind{disturb.WatchesEnded},
		Targets:  roles{mode.APIServer},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s closes every watch", f.Target)
		},
	},
	{
		Kind:     KubeThrottle,
		Summary:  "a kube-apiserver answers share percent of the requests with 429 and a Retry-After",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), retryAfter.between(int64(second), int64(3600*second), int64(second), int64(second)).orNone()},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the requests with 429, Retry-After %s, for %s", f.Target, f.Share, f.RetryAfter, f.For)
		},
	},
	{
		Kind:     KubeErrors,
		Summary:  "a kube-apiserver answers share percent of the requests with code",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), code.among(500, 502, 503, 504)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the requests with %d for %s", f.Target, f.Share, f.Code, f.For)
		},
	},
	{
		Kind:     KubeSlowLists,
		Summary:  "a kube-apiserver takes delay longer for each list, streaming lists included; with resource for those of one kind",
		Disturbs: []disturb.Kind{disturb.ListsSlow},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{delay.between(int64(ms), int64(300*second), int64(second), int64(30*second)), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s takes %s longer for each list%s, for %s", f.Target, f.Delay, f.ofResource(" of "), f.For)
		},
	},
	{
		Kind:     KubeListErrors,
		Summary:  "a kube-apiserver answers share percent of the lists, streaming lists included, with code; with resource of those of one kind",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 100), code.among(500, 503, 504), resource.ofKinds(cachedKinds...)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the lists%s with %d for %s", f.Target, f.Share, f.ofResource(" of "), f.Code, f.For)
		},
	},
	{
		Kind:     KubeConflicts,
		Summary:  "a kube-apiserver answers share percent of the updates and patches with 409, as if somebody else had been faster",
		Disturbs: []disturb.Kind{disturb.RequestsFailed},
		Targets:  roles{mode.APIServer}, Lasts: Needed, Longest: 60 * second,
		Uses: []Use{share.between(1, 100, 10, 90)},
		sentence: func(f *Fault) string {
			return fmt.Sprintf("%s answers %d %% of the updates with 409 (conflict) for %s", f.Target, f.Share, f.For)
		},
	},
}

var operatorSpecs = []Spec{
	{
		Kind:     OperatorRestart,
		Needs:    mode.Operator,
		Summary:  "an operator is stopped gracefully and starts again after for; with a long for, it is absent for long",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Operator}, Lasts: Needed, Longest: 240 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("operator %s restarts after %s", f.Target, f.For)
		},
	},
	{
		Kind:     OperatorCrash,
		Needs:    mode.Operator,
		Summary:  "an operator is killed and starts again after for; with a trigger on its writes, between two of them",
		Disturbs: []disturb.Kind{disturb.ProcessEnded},
		Targets:  roles{mode.Operator}, Lasts: Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("operator %s crashes and starts again after %s", f.Target, f.For)
		},
	},
	{
		Kind:     LeaderChange,
		Needs:    mode.Operator,
		Summary:  "the operator that leads is cut off from all kube-apiservers; when it cannot renew its lease another one, if there is one, leads",
		Disturbs: []disturb.Kind{disturb.Cut},
		Lasts:    Needed, Longest: 60 * second,
		sentence: func(f *Fault) string {
			return fmt.Sprintf("the leading operator is cut off from the kube-apiservers for %s", f.For)
		},
	},
}
