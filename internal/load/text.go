package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
)

// A table is rows of text below a title.
type table struct {
	title, note string
	rows        [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func writeTables(w io.Writer, all ...*table) error {
	var b strings.Builder
	for i, t := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n", strings.ToUpper(t.title))
		text.Columns(&b, t.rows)
		if t.note != "" {
			b.WriteString(text.Wrap("  ", "("+t.note+")"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func quantiles(m checker.Measure) string {
	if m.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f, %.3f, %.3f", m.P50, m.P99, m.Max)
}

// WriteProposal writes what the load of the proposal showed in the modes that were run.
func WriteProposal(w io.Writer, results []*Result) error {
	tables := []*table{runsTable(results), costTable(results), latencyTable(results)}
	of := func(base mode.Base) *Result {
		i := slices.IndexFunc(results, func(r *Result) bool { return r.Mode == mode.Mode{Base: base}.String() })
		if i < 0 {
			return nil
		}
		return results[i]
	}
	if base, own := of(mode.CRD), of(mode.ClusterMesh); base != nil && own != nil {
		tables = append(tables, claimTable(base, own), dependsTable(base, own), cpuTable([]*Result{base, own}))
	}
	return writeTables(w, tables...)
}

func runsTable(results []*Result) *table {
	t := &table{title: "The load"}
	head := []string{"what"}
	for _, r := range results {
		head = append(head, r.Mode)
	}
	t.add(head...)
	for _, line := range []struct {
		name string
		of   func(*Result) string
	}{
		{"nodes and namespaces, deployments, pods", func(r *Result) string {
			return fmt.Sprintf("%s, %s, %s", text.Thousands(r.Nodes), text.Thousands(r.Deployments), text.Thousands(r.Pods))
		}},
		{"pods per second, cycles, wait", func(r *Result) string { return fmt.Sprintf("%d, %d, %s", r.PerSecond, r.Cycles, text.Seconds(r.Wait)) }},
		{"agents that run, replicas", func(r *Result) string { return fmt.Sprintf("%d, %d", r.Agents, r.sample().Replicas) }},
		{"endpoints are read as", func(r *Result) string {
			return map[bool]string{true: "CiliumEndpointSlices", false: "CiliumEndpoints"}[r.Slices]
		}},
		{"operations done, of those asked", func(r *Result) string { return text.Thousands(r.Done) + " of " + text.Thousands(r.Asked) }},
		{"virtual time", func(r *Result) string { return text.Seconds(r.Virtual) }},
		{"the largest database of a replica's etcd, as it says", func(r *Result) string {
			if len(r.Database) == 0 {
				return "-"
			}
			return fmt.Sprintf("%.1f MiB", float64(slices.Max(slices.Collect(maps.Values(r.Database))))/(1<<20))
		}},
		{"the worker's CPU, memory, records", func(r *Result) string {
			return fmt.Sprintf("%.0f s, %d MiB, %s", r.CPU.Seconds(), r.Memory>>20, text.Thousands(r.Records))
		}},
	} {
		cells := []string{line.name}
		for _, r := range results {
			cells = append(cells, line.of(r))
		}
		if slices.ContainsFunc(cells[1:], func(cell string) bool { return cell != "-" }) {
			t.add(cells...)
		}
	}
	return t
}

// costTable has what kube-apiservers and etcds did, by client.
func costTable(results []*Result) *table {
	t := &table{title: "What servers did, in the mean of a second",
		note: "events are changes that watches told of, without initial states; of writes there are as many in each mode, as agents do not write in the etcd"}
	head := []string{"server, client"}
	for _, r := range results {
		head = append(head, r.Mode+": requests", "open watches", "events", "bytes")
	}
	t.add(head...)
	for _, server := range []mode.Role{mode.APIServer, mode.Replica, mode.Etcd} {
		for _, client := range append([]mode.Role{""}, mode.Roles()...) {
			cells, some := []string{server.Plural()}, false
			if client != "" {
				cells[0] = "    for " + client.Plural()
			}
			for _, r := range results {
				c := SumOf(r.Costs, []mode.Role{server}, client)
				some = some || !c.Empty()
				for _, n := range []float64{float64(c.Total() + c.Watches), c.WatchTime.Seconds(), float64(c.Events), float64(c.Bytes)} {
					cells = append(cells, text.Number(n/max(1, r.Virtual.Seconds())))
				}
			}
			if some {
				t.add(cells...)
			}
		}
	}
	return t
}

func latencyTable(results []*Result) *table {
	t := &table{title: "Latencies: p50, p99, max in seconds", note: "a quantile is too great by less than 1 %. What computing takes is not in them: in this world only the network, waiting and limits take time"}
	head := []string{"what"}
	for _, r := range results {
		head = append(head, r.Mode)
	}
	t.add(head...)
	row := func(name string, of func(*Result) checker.Measure) {
		cells := []string{name}
		for _, r := range results {
			cells = append(cells, quantiles(of(r)))
		}
		t.add(cells...)
	}
	row("pod created, until it is ready on its node", func(r *Result) checker.Measure { return r.Create })
	row("pod created, until every agent knows it", func(r *Result) checker.Measure { return r.Reach })
	row("a slice or node changed, until an etcd has it", func(r *Result) checker.Measure { return r.Lag[mode.Replica] })
	row("the same, until an agent has it", func(r *Result) checker.Measure { return r.Lag[mode.Agent] })
	return t
}

// unchanged is by how many percent a latency may differ that is called unchanged.
const unchanged = 10

// claimTable confirms or refutes what the proposal claims.
func claimTable(base, own *Result) *table {
	t := &table{title: "What the proposal claims (CFP-44774)", note: fmt.Sprintf("for %s agents: a projection, as if an agent and a replica cost there what they cost here. Agents here have no watches of Services, Pods, Nodes and policies, "+
		"which stay on the kube-apiserver in both modes and make the share that is saved smaller: the last column is how much of them each of so many agents may have, with which the claim still holds. CPU is what was counted at the prices of testdata/capacity; in brackets with events at their least and requests at their most, and the other way round", text.Thousands(base.Nodes))}
	t.add("of kube-apiservers", "claimed", base.Mode, own.Mode, fmt.Sprintf("change with %d agents", base.Agents), fmt.Sprintf("with %s, %s", text.Thousands(base.Nodes), text.Count(own.Replicas, "replica")), "room for others, per agent")
	word := map[bool]string{true: "confirmed", false: "refuted"}
	b, o := base.sample(), own.sample()
	for _, c := range counted {
		here, there := change(b.rate(c.of), o.rate(c.of)), changeAt(b, o, base.Nodes, own.Replicas, c.of)
		t.add(c.what, c.claimed, text.Number(b.rate(c.of)), text.Number(o.rate(c.of)), fmt.Sprintf("%+.1f %%, %s", here, word[here <= c.most]), fmt.Sprintf("%+.1f %%, %s", there, word[there <= c.most]), room(b, o, base.Nodes, own.Replicas, c.most, c.of))
	}
	for _, c := range []struct {
		what string
		of   func(*Cost) float64
	}{
		{"requests/s", func(c *Cost) float64 { return float64(c.Total() + c.Watches) }},
		{"bytes sent/s", func(c *Cost) float64 { return float64(c.Bytes) }},
	} {
		t.add(c.what, "nothing", text.Number(b.rate(c.of)), text.Number(o.rate(c.of)), fmt.Sprintf("%+.1f %%", change(b.rate(c.of), o.rate(c.of))), fmt.Sprintf("%+.1f %%", changeAt(b, o, base.Nodes, own.Replicas, c.of)), "")
	}
	at := pricedAt(base.Slices)
	cpu := func(agents, replicas int, s ...func(*Cost) float64) (changes []string) {
		for _, of := range s {
			changes = append(changes, fmt.Sprintf("%+.1f", changeAt(b, o, agents, replicas, of)))
		}
		return changes
	}
	all := []func(*Cost) float64{seconds(at.median), seconds(at.few), seconds(at.many)}
	said := func(agents, replicas int) string {
		c := cpu(agents, replicas, all...)
		holds := changeAt(b, o, agents, replicas, all[0]) <= -50
		return fmt.Sprintf("%s %% (%s to %s), %s", c[0], c[1], c[2], word[holds])
	}
	t.add("CPU, in cores, by prices", "over 50 % fewer", fmt.Sprintf("%.3f", b.rate(all[0])), fmt.Sprintf("%.3f", o.rate(all[0])), said(base.Agents, own.Replicas), said(base.Nodes, own.Replicas), room(b, o, base.Nodes, own.Replicas, -50, all[0]))
	for _, l := range []struct {
		name      string
		base, own checker.Measure
	}{{"pod start latency, p50 and p99", base.Create, own.Create}, {"until every agent knows the pod", base.Reach, own.Reach}} {
		p50, p99 := change(l.base.P50, l.own.P50), change(l.base.P99, l.own.P99)
		holds := p50 <= unchanged && p99 <= unchanged
		t.add(l.name, "unchanged", fmt.Sprintf("%.3f s, %.3f s", l.base.P50, l.base.P99), fmt.Sprintf("%.3f s, %.3f s", l.own.P50, l.own.P99), fmt.Sprintf("%+.1f %%, %+.1f %%: %s", p50, p99, word[holds]), "", "")
	}
	return t
}

// room is how much each agent may have of what stays in both modes, with which a claim holds.
func room(base, own Sample, agents, replicas int, most float64, of func(*Cost) float64) string {
	b, o := base.rateAt(agents, replicas, of), own.rateAt(agents, replicas, of)
	besides := ((b-o)*100/-most - b) / float64(agents)
	if besides < 0 {
		return "none"
	}
	return text.Number(besides)
}

// cpuTable has what the servers of both modes take, by prices.
func cpuTable(results []*Result) *table {
	t := &table{title: "CPU of servers, in cores, by the prices of testdata/capacity",
		note: "the mean of the run, with the median prices; the projection is as if an agent cost there what it costs here, and is of all kube-apiservers and of all replicas. The etcd of the kube-apiserver is not in it"}
	head := []string{"server"}
	for _, r := range results {
		head = append(head, fmt.Sprintf("%s, %d agents", r.Mode, r.Agents), fmt.Sprintf("with %s", text.Thousands(r.Nodes)))
	}
	t.add(head...)
	for _, server := range []mode.Role{mode.APIServer, mode.Replica} {
		cells := []string{server.Plural()}
		for _, r := range results {
			of, s := seconds(pricedAt(r.Slices).median), r.sample()
			cells = append(cells, fmt.Sprintf("%.3f", s.rateOf(server, of)), fmt.Sprintf("%.3f", s.rateOfAt(server, r.Nodes, r.Replicas, of)))
		}
		t.add(cells...)
	}
	return t
}

func changeAt(base, own Sample, agents, replicas int, of func(*Cost) float64) float64 {
	return change(base.rateAt(agents, replicas, of), own.rateAt(agents, replicas, of))
}

// dependsTable shows on what the claims depend.
func dependsTable(base, own *Result) *table {
	sizes := []int{10, 100, 1000}
	t := &table{title: "On what that depends: change for so many agents and replicas", note: "a projection from what each client costs in these runs; the load is the same for all"}
	head := []string{"replicas"}
	claims := append(slices.Clone(counted), claimed{what: "CPU by prices", of: seconds(pricedAt(base.Slices).median)})
	for _, c := range claims {
		for _, n := range sizes {
			head = append(head, fmt.Sprintf("%s, %s agents", strings.TrimSuffix(c.what, "/s"), text.Thousands(n)))
		}
	}
	t.add(head...)
	for _, replicas := range []int{1, 2, 3, 5, 10} {
		cells := []string{strconv.Itoa(replicas)}
		for _, c := range claims {
			for _, n := range sizes {
				cells = append(cells, fmt.Sprintf("%+.1f %%", changeAt(base.sample(), own.sample(), n, replicas, c.of)))
			}
		}
		t.add(cells...)
	}
	return t
}

// WriteKnee writes for each limit of the writer and each rate how far the etcd is behind.
func WriteKnee(w io.Writer, results []*Result) error {
	t := &table{title: "How far an etcd is behind what is true, by the writer's limit and the rate of pods",
		note: "a change is of an endpoint or an identity; lag as p50, p99, max in seconds; drained: from the last pod on, until all is there"}
	t.add("requests/s", "pods/s", "pods", "lag", "most behind", "drained", "pod known to all agents")
	for _, r := range results {
		t.add(limit(r.WriterQPS), strconv.Itoa(r.PerSecond), text.Thousands(r.Pods), quantiles(r.Lag[mode.Replica]), text.Thousands(r.MostBehind[mode.Replica]), text.Seconds(r.Drained[mode.Replica]), quantiles(r.Reach))
	}
	return writeTables(w, t)
}

func limit(qps int) string {
	if qps == Unlimited {
		return "unlimited"
	}
	return strconv.Itoa(qps)
}
