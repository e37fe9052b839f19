package mechanism

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/schema"
)

// configCheck is how often a writer puts the cluster's configuration if it is not there
// (Cilium: runInterval of pkg/clustermesh/clustercfg/clustercfg.go).
const configCheck = 5 * time.Minute

// configRetry is how long an agent waits at most before it asks for it again (Cilium:
// getClusterConfig of pkg/clustermesh/common/remote_cluster.go).
const configRetry = 30 * time.Second

// unconfigured explains an agent that waits for the cluster's configuration, without which it
// lists nothing, or has only just got it: the store has lost it, and its writer will not look
// before its next check.
func (x *Explainer) unconfigured(s *index.Store, agent string, connect, end int, when time.Duration) *property.Cause {
	asks := func(there bool) func(*history.Record) bool {
		return func(r *history.Record) bool {
			return r.Verb == history.Call && r.Op == "range" && r.Peer == agent && r.Store == s.Name && r.Err == "" && isConfig(r.Key) && (r.Value != "") == there
		}
	}
	asked := x.in.Last(connect, end, asks(false))
	if asked < 0 {
		return nil
	}
	waits := x.in.Records[asked].At + configRetry
	if got := x.in.First(asked, end, asks(true)); got >= 0 {
		waits = x.in.Records[got].At
	}
	if when > waits+handling {
		return nil
	}
	isPut := func(r *history.Record) bool {
		return r.Verb == history.Put && r.Kind == history.Meta && r.Actor == s.Actor && isConfig(r.Key)
	}
	life, ok := index.ProcessAt(x.in.Processes(s.Actor, "writer"), x.in.Records[asked].At)
	put := x.in.Last(life.Up, asked, isPut)
	if !ok || put < 0 {
		return nil
	}
	lost := x.in.First(put, asked, func(r *history.Record) bool {
		return isEtcdUp(r, s.Name) && x.in.Records[put].Store != s.Name || r.Verb == history.Del && r.Store == s.Name && isConfig(r.Key)
	})
	if lost < 0 || x.in.Records[asked].At > x.in.Records[lost].At+configCheck+handling {
		return nil
	}
	return property.ByMechanism(CauseClusterConfig, configGone, property.Facts{Client: agent, Server: s.Actor, Store: s.Name, At: x.in.Records[asked].At, Since: x.in.Records[connect].At,
		Before: &property.Version{At: x.in.Records[put].At}, Truth: &property.Version{Gone: true, At: x.in.Records[lost].At}}, put, lost, asked)
}

func isConfig(key string) bool { return strings.HasPrefix(key, schema.ClusterConfigPrefix) }

var configGone = &property.Rule{Name: "cluster-config-gone", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s, connected since %s, was still told at %s that the %s has no cluster configuration: it was lost at %s, and the writer, which had put it at %s, puts it back at its next check only",
		f.Client, text.Seconds(f.Since), text.Seconds(f.At), f.Etcd(), text.Seconds(f.Truth.At), text.Seconds(f.Before.At))
}}

// ofWrongConfig explains whatever an agent lacks or shows at a record by the cluster's
// configuration that it has taken on its connection: a writer with another cluster ID had put
// it. The agent refuses the keys of any other cluster, and does not ask again.
func (x *Explainer) ofWrongConfig(agent string, at int) *property.Cause {
	connect := index.ConnectionAt(x.in.Records, agent, at)
	if connect < 0 {
		return nil
	}
	s := x.store(x.in.Records[connect].Store)
	if s == nil {
		return nil
	}
	took := x.in.Last(connect, at, func(r *history.Record) bool {
		return r.Verb == history.Call && r.Op == "range" && r.Peer == agent && r.Store == s.Name && isConfig(r.Key) && r.Value != ""
	})
	if took < 0 {
		return nil
	}
	r := &x.in.Records[took]
	v := s.VersionBy(r.Key, r.Rev)
	if v == nil || v.Deleted {
		return nil
	}
	put := &x.in.Records[v.Record]
	if x.in.Misconfigured(s, put) == nil {
		return nil
	}
	return property.ByMechanism(CauseTakenOnce, tookWrongConfig, property.Facts{Agent: agent, Server: s.Actor, Store: s.Name, At: r.At, Since: x.in.Records[connect].At,
		Before: &property.Version{At: put.At}}, int(v.Record), took)
}

var tookWrongConfig = &property.Rule{Name: "took-wrong-config", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s, connected since %s, took at %s the cluster's configuration that the %s had since %s from a writer with another cluster ID; it asks once for each connection",
		f.Agent, text.Seconds(f.Since), text.Seconds(f.At), f.Etcd(), text.Seconds(f.Before.At))
}}

// ofDrainedConfig explains that an agent drops what it had taken while it took the cluster for one with another ID: on a new
// connection it was told another one, and drops all that it had before it lists anything.
func (o observation) ofDrainedConfig() *property.Cause {
	records, agent := o.x.in.Records, o.r.Actor
	took := func(end int) int {
		return o.x.in.Last(0, end, func(r *history.Record) bool {
			return r.Verb == history.Up && r.Kind == "agent" && r.Actor == agent ||
				r.Verb == history.Call && r.Op == "range" && r.Peer == agent && r.Err == "" && isConfig(r.Key) && r.Value != ""
		})
	}
	now := took(o.record)
	if now < 0 || records[now].Verb == history.Up || o.r.At > records[now].At+handling {
		return nil
	}
	then, seen := took(now), o.before()
	if then < 0 || records[then].Verb == history.Up || hashOf(&records[then]) == hashOf(&records[now]) || seen < then || seen > now {
		return nil
	}
	if o.x.in.First(then, now, func(r *history.Record) bool { return r.Verb == history.Connect && r.Actor == agent }) < 0 {
		return nil // it asks once for each connection
	}
	wrong := o.x.ofWrongConfig(agent, then+1)
	if wrong == nil {
		return nil
	}
	facts := o.facts()
	facts.Since, facts.Until = records[then].At, records[now].At
	return property.ByMechanism(CauseTakenOnce, drainedWrongConfig, facts, then, seen, now)
}

// hashOf is that of the configuration that a request was answered with.
func hashOf(r *history.Record) string { return r.Value[strings.LastIndexByte(r.Value, ':')+1:] }

var drainedWrongConfig = &property.Rule{Name: "drained-wrong-config", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s had taken at %s a configuration of the cluster with another cluster ID, and was told another one at %s, on a new connection: it dropped all that it had, and %s with it",
		f.Agent, text.Seconds(f.Since), text.Seconds(f.Until), f.Object())
}}
