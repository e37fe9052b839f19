package storagetest

import (
	"context"
	"testing"

	apistorage "k8s.io/apiserver/pkg/storage"
	suite "k8s.io/apiserver/pkg/storage/testing"
)

// Not run of the suite, as no request of a client can do what it asks for:
//
//   - List: compacts to a version that it names, and reads continue tokens, which are
//     relative to the namespace in etcd's keys and hold the object's key here;
//   - PreconditionalDeleteWithSuggestion and -WithOnlySuggestionPass,
//     GuaranteedUpdateWithConflict and -WithSuggestionAndConflict: change an object's UID or
//     name in place, or hand the storage an object from a cache;
//   - GetListNonRecursive, GetListRecursivePrefix: list by prefixes of etcd's keys;
//   - ListInconsistentContinuation: expects of RV=0 with a limit what only the etcd storage
//     does; the watch cache of a kube-apiserver is not held to it either;
//   - what needs the etcd itself, its encryption at rest or its metrics.

type run = func(context.Context, *testing.T, *adapter)

func plain(f func(context.Context, *testing.T, apistorage.Interface)) run {
	return func(ctx context.Context, t *testing.T, a *adapter) { f(ctx, t, a) }
}

func anyCalls(*testing.T, uint64, uint64) {} // of the storage below, which has none

var namespaced = map[string]run{
	"Create": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestCreate(ctx, t, a, func(context.Context, *testing.T, string) {})
	},
	"CreateWithKeyExist":                      plain(suite.RunTestCreateWithKeyExist),
	"Get":                                     plain(suite.RunTestGet),
	"UnconditionalDelete":                     plain(suite.RunTestUnconditionalDelete),
	"ConditionalDelete":                       plain(suite.RunTestConditionalDelete),
	"DeleteWithSuggestion":                    plain(suite.RunTestDeleteWithSuggestion),
	"DeleteWithSuggestionAndConflict":         plain(suite.RunTestDeleteWithSuggestionAndConflict),
	"DeleteWithConflict":                      plain(suite.RunTestDeleteWithConflict),
	"DeleteWithSuggestionOfDeletedObject":     plain(suite.RunTestDeleteWithSuggestionOfDeletedObject),
	"ValidateDeletionWithSuggestion":          plain(suite.RunTestValidateDeletionWithSuggestion),
	"ValidateDeletionWithOnlySuggestionValid": plain(suite.RunTestValidateDeletionWithOnlySuggestionValid),
	"ConsistentList": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestConsistentList(ctx, t, a, func(context.Context, *testing.T) int64 { return a.bump() }, true, true, true)
	},
	"ListContinuation": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestListContinuation(ctx, t, a, anyCalls)
	},
	"ListContinuationWithFilter": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestListContinuationWithFilter(ctx, t, a, anyCalls)
	},
	"ListPaging":          plain(suite.RunTestListPaging),
	"NamespaceScopedList": plain(suite.RunTestNamespaceScopedList),
	"Watch":               plain(suite.RunTestWatch),
	"WatchFromZero": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestWatchFromZero(ctx, t, a, func(context.Context, *testing.T, string) { a.restart() })
	},
	"DeleteTriggerWatch":                 plain(suite.RunTestDeleteTriggerWatch),
	"WatchFromNonZero":                   plain(suite.RunTestWatchFromNonZero),
	"DelayedWatchDelivery":               plain(suite.RunTestDelayedWatchDelivery),
	"WatchContextCancel":                 plain(suite.RunTestWatchContextCancel),
	"WatcherTimeout":                     plain(suite.RunTestWatcherTimeout),
	"WatchDeleteEventObjectHaveLatestRV": plain(suite.RunTestWatchDeleteEventObjectHaveLatestRV),
	"NamespaceScopedWatch":               plain(suite.RunTestNamespaceScopedWatch),
	"WatchDispatchBookmarkEvents": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestWatchDispatchBookmarkEvents(ctx, t, a, true)
	},
	"OptionalWatchBookmarksWithCorrectResourceVersion": plain(suite.RunTestOptionalWatchBookmarksWithCorrectResourceVersion),
	"SendInitialEventsBackwardCompatibility":           plain(suite.RunSendInitialEventsBackwardCompatibility),
	"WatchSemantics":                                   plain(suite.RunWatchSemantics),
	"WatchSemanticInitialEventsExtended":               plain(suite.RunWatchSemanticInitialEventsExtended),
	"WatchListMatchSingle":                             plain(suite.RunWatchListMatchSingle),
}

var clusterScoped = map[string]run{
	"ListPaginationRareObject": func(ctx context.Context, t *testing.T, a *adapter) {
		suite.RunTestListPaginationRareObject(ctx, t, a, anyCalls)
	},
	"ClusterScopedWatch": plain(suite.RunTestClusterScopedWatch),
}

func TestTheStorageSuiteOfApiserver(t *testing.T) {
	for scope, tests := range map[bool]map[string]run{true: namespaced, false: clusterScoped} {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) { test(t.Context(), t, newAdapter(t, scope)) }) // not in parallel: they set feature gates
		}
	}
}
