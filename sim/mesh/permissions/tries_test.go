package permissions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/cilium/cilium/pkg/kvstore"

	"github.com/meshcheck/meshcheck/model/schema"
)

// part is what the table has a column of.
type part struct {
	name  string
	keys  []string      // what keys begin with, if they end in a slash; else keys. All give the same
	tries []requestKind // of something else than keys
}

type requestKind struct {
	what string
	do   func(context.Context, *clientv3.Client) error
}

// parts are all, of which strangers can do no more than what is said there.
var (
	parts = [...]part{
		{name: "`cilium/state/`", keys: []string{
			schema.KindNamed(schema.Identity).Path + "/", schema.KindNamed(schema.Endpoint).Path + "/", schema.KindNamed(schema.Node).Path + "/",
			kvstore.StatePrefix + "/services/v1/", kvstore.StatePrefix + "/",
		}},
		{name: "`cilium/cluster-config/c1`, `cilium/synced/c1/`", keys: []string{schema.ClusterConfigPrefix + own, schema.CanaryPrefix + own + "/"}},
		{name: "`cilium/cache/`, `cilium/cluster-config/c2`, `cilium/synced/c2/`", keys: []string{
			kvstore.CachePrefix + "/", schema.ClusterConfigPrefix + "c2", schema.CanaryPrefix + "c2/",
		}},
		{name: "`cilium/.heartbeat`", keys: []string{schema.Heartbeat}},
		{name: "all else", keys: []string{kvstore.InitLockPath + "/", "cilium/", "another", "/"}},
		{name: "users, compaction", tries: []requestKind{
			{"yes", func(ctx context.Context, c *clientv3.Client) error { _, err := c.UserList(ctx); return err }},
			{"yes", func(ctx context.Context, c *clientv3.Client) error {
				_, err := c.UserAddWithOptions(ctx, "tried", "", &clientv3.UserAddOptions{NoPassword: true})
				return errors.Join(err, dropUser(ctx, c))
			}},
			{"yes", func(ctx context.Context, c *clientv3.Client) error { return compact(ctx, c) }},
		}},
		{name: "a lease", tries: []requestKind{
			{"yes", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Grant(ctx, 60); return err }},
		}},
	}
	strangers = [len(parts)]string{"-", "-", "-", "-", "-", "-", "yes"}
)

func dropUser(ctx context.Context, c *clientv3.Client) error {
	_, err := c.UserDelete(ctx, "tried")
	return err
}

// compact compacts all that was, or all that a client without permissions can know of.
func compact(ctx context.Context, c *clientv3.Client) error {
	revision := int64(1)
	if r, err := c.Get(ctx, schema.Heartbeat); err == nil {
		revision = r.Header.Revision
	}
	_, err := c.Compact(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil // it was compacted
	}
	return err
}

// try tells what a client can do with a part.
func (p *part) try(t *testing.T, c *clientv3.Client) (can string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if p.keys == nil {
		return able(t, ctx, c, p.tries)
	}
	for i, keys := range p.keys {
		now := able(t, ctx, c, requests(keys))
		require.True(t, i == 0 || now == can, "%s: %q with %q, and %q before", p.name, now, keys, can)
		can = now
	}
	switch can {
	case "get, list, watch":
		return "read"
	case "get, list, watch, put, delete":
		return "read, write"
	}
	return can
}

// able names the requests that are not refused, "-" for none; each name once, if all of its requests are not.
func able(t *testing.T, ctx context.Context, c *clientv3.Client, all []requestKind) string {
	refusals := map[string]bool{}
	for _, r := range all {
		if err := r.do(ctx, c); err != nil {
			require.True(t, refused(err), "%s: %v", r.what, err)
			refusals[r.what] = true
		}
	}
	var can []string
	for _, r := range all {
		if !refusals[r.what] && !strings.HasSuffix(strings.Join(can, ", "), r.what) {
			can = append(can, r.what)
		}
	}
	if can == nil {
		return "-"
	}
	return strings.Join(can, ", ")
}

// requests are what is tried of keys: of one of them, and, where they are many, of all.
func requests(keys string) []requestKind {
	key, all := keys, []clientv3.OpOption{}
	if strings.HasSuffix(keys, "/") {
		key, all = keys+"tried", append(all, clientv3.WithPrefix())
	}
	return []requestKind{
		{"get", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Get(ctx, key); return err }},
		{"list", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Get(ctx, keys, all...); return err }},
		{"watch", func(ctx context.Context, c *clientv3.Client) error { return watch(ctx, c, keys, all...) }},
		{"put", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Put(ctx, key, "tried"); return err }},
		{"delete", func(ctx context.Context, c *clientv3.Client) error { _, err := c.Delete(ctx, key); return err }},
	}
}

// watch opens a watch, and ends it.
func watch(ctx context.Context, c *clientv3.Client, keys string, opts ...clientv3.OpOption) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, ok := <-c.Watch(ctx, keys, append(opts, clientv3.WithCreatedNotify())...)
	if !ok {
		return fmt.Errorf("the watch ended: %w", ctx.Err())
	}
	return r.Err()
}

// refused reports whether an error is that an etcd refuses somebody, and not that something does not work.
func refused(err error) bool {
	return strings.Contains(err.Error(), "permission denied") || errors.Is(err, rpctypes.ErrUserNotFound)
}
