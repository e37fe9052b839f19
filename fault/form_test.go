package fault

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a valid plan that the tests below break in one place each.
const small = `{
  "version": 2,
  "seed": 7,
  "mode": "clustermesh",
  "topology": {"apiservers": 1, "replicas": 2, "agents": 2, "nodes": 4},
  "network": {"latencyMin": "200us", "latencyMax": "2ms"},
  "options": {"writerQPS": 50, "writerBootstrapQPS": 10000, "agentQPS": 20, "endpointSlices": false, "clusterID": 1, "clusterName": "c1", "preempt": 0},
  "churn": "60s",
  "settle": "6m",
  "pods": [
    {"namespace": "shop", "name": "web-0", "app": "web", "node": "n2", "ip": "10.0.0.1"}
  ],
  "ops": [
    {"at": "1s", "op": "pod-create", "pod": {"namespace": "shop", "name": "web-1", "app": "web", "node": "n3", "ip": "10.0.0.2"}},
    {"at": "2s", "op": "pod-relabel", "pod": {"namespace": "shop", "name": "web-1", "app": "api"}},
    {"at": "3s", "op": "pod-delete", "pod": {"namespace": "shop", "name": "web-0"}},
    {"at": "4s", "op": "node-create", "name": "n9"},
    {"at": "5s", "op": "node-delete", "name": "n3"},
    {"at": "6s", "op": "namespace-delete", "name": "shop"}
  ],
  "faults": [
    {"at": "10s", "kind": "replica-loss", "target": "r0", "for": "5s"},
    {"at": "12s", "kind": "partition", "target": "a0", "peer": "r1", "for": "5s", "oneWay": true},
    {"at": "20s", "kind": "reset", "target": "r1", "peer": "k0"},
    {"at": "30s", "kind": "kube-restart", "target": "k0", "for": "5s", "how": "graceful"}
  ]
}
`

func TestReadAndWriteGiveTheSamePlan(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	withObjects := *p
	withObjects.Capacity = &Capacity{Replicas: &Prices{Cores: 2, Read: 1, Change: second}}
	withObjects.Objects = []json.RawMessage{json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"labels":{"a":"<&>"},"name":"x"}}`)}
	for _, p := range []*Plan{p, &withObjects} {
		for form, text := range map[string][]byte{"file": p.Encode(), "line": []byte(p.Line())} {
			read, err := Read(form, text)
			require.NoError(t, err)
			require.Equal(t, p, read)
			require.Equal(t, string(p.Encode()), string(read.Encode()), "writing is stable")
		}
		require.NotContains(t, p.Line(), "\n")
	}
}

// No field of a plan is left out of its file.
func TestEncodeHasEveryField(t *testing.T) {
	plan := reflect.TypeFor[Plan]()
	full := &Plan{Capacity: &Capacity{}, Promise: []string{"convergence"}, Nodes: []Node{{}}, Pods: []Pod{{}}, Services: []Service{{}}, Policies: []Policy{{}}, Ops: []Op{{}}, Faults: []Fault{{}}, Stalls: []Stall{{}}, Objects: []json.RawMessage{json.RawMessage("{}")}}
	file := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(full.Encode(), &file))
	for i := range plan.NumField() {
		name, _, _ := strings.Cut(plan.Field(i).Tag.Get("json"), ",")
		require.Contains(t, file, name)
	}
	require.Len(t, file, plan.NumField())
}

func TestEncodeHasOneEntryPerLine(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	golden, err := os.ReadFile("testdata/small.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), string(p.Encode()))
}

func TestReadRefuses(t *testing.T) {
	edit := func(old, new string) string {
		require.Equal(t, 1, strings.Count(small, old), "%q must occur once", old)
		return strings.Replace(small, old, new, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":             {" \n", "p.json: the file is empty; a plan is a JSON object, and simrun -seed 1 -write-plan FILE writes one"},
		"binary":            {"\x1f\x8b\x08\x00", "p.json: this is not a plan but binary data; a plan is a JSON object, and simrun -seed 1 -write-plan FILE writes one"},
		"YAML":              {"version: 2\n", "p.json:1: this is not a plan, which is a JSON object; simrun -seed 1 -write-plan FILE writes one"},
		"a list":            {"[1]", "p.json:1: this is not a plan, which is a JSON object; simrun -seed 1 -write-plan FILE writes one"},
		"cut":               {small[:400], "p.json:11: pods[0]: the file ends in the middle of the plan"},
		"no comma":          {edit(`"seed": 7,`, `"seed": 7`), "p.json:4: the JSON is wrong: invalid character '\"' after object value (expecting ',' or '}')"},
		"text after":        {small + "{}", "p.json:28: there is text after the plan; a file holds one plan"},
		"other version":     {`{"version": 1, "universe": 3}`, "p.json:1: version: the file form has version 1; a plan that this program reads has version 2"},
		"no version":        {edit("\"version\": 2,\n", "\n"), "p.json:1: version: the version of the file form is missing; a plan that this program reads has version 2"},
		"unknown field":     {edit(`"replicas": 2`, `"replicants": 2`), `p.json:5: topology: there is no field "replicants" here; the fields are apiservers, replicas, agents, nodes, etcds, operators`},
		"other letters":     {edit(`"seed"`, `"Seed"`), `p.json:3: a plan has no field "Seed"; its fields are version, seed, mode, topology, network, options, capacity, churn, settle, promise, nodes, pods, services, policies, ops, faults, stalls, objects`},
		"field twice":       {edit(`"seed": 7`, `"seed": 7, "seed": 8`), "p.json:3: seed: the field is given twice"},
		"null":              {edit(`"seed": 7`, `"seed": null`), "p.json:3: seed: found null; want a whole number from 0 to 18446744073709551615"},
		"negative seed":     {edit(`"seed": 7`, `"seed": -7`), "p.json:3: seed: found -7; want a whole number from 0 to 18446744073709551615"},
		"number as text":    {edit(`"replicas": 2`, `"replicas": "2"`), `p.json:5: topology.replicas: found "2"; want a whole number`},
		"fraction":          {edit(`"replicas": 2`, `"replicas": 2.5`), "p.json:5: topology.replicas: found 2.5; want a whole number"},
		"no truth":          {edit(`"endpointSlices": false`, `"endpointSlices": 0`), "p.json:7: options.endpointSlices: found 0; want true or false"},
		"no text":           {edit(`"clustermesh"`, `7`), "p.json:4: mode: found 7; want text in quotes"},
		"number of seconds": {edit(`"60s"`, `60`), `p.json:8: churn: found 60; want a duration as text, such as "12.5s"`},
		"no unit":           {edit(`"60s"`, `"60"`), `p.json:8: churn: "60" is not a duration: write a number and a unit, such as "12.5s" or "250ms"`},
		"no object":         {edit(`"pods": [`, `"objects": [7], "pods": [`), `p.json:10: objects[0]: found 7; want a Kubernetes object`},

		"unknown mode":           {edit(`"clustermesh"`, `"mesh"`), `p.json:4: mode: the mode "mesh" does not exist; the modes are clustermesh, crd, kvstore, handover`},
		"no replicas":            {edit(`"replicas": 2`, `"replicas": 0`), "p.json:5: topology.replicas: found 0; want 1 to 16"},
		"too few nodes":          {edit(`"nodes": 4`, `"nodes": 1`), "p.json:5: topology.nodes: there are 2 agents and only 1 nodes; agent a<i> runs on node n<i>, so there must be at least as many nodes"},
		"no latency":             {edit(`"200us"`, `"0s"`), `p.json:6: network.latencyMin: found 0s; a message takes some time, such as "200us"`},
		"latency turned":         {edit(`"2ms"`, `"100us"`), "p.json:6: network.latencyMax: found 100us; want latencyMin (200us) to 10s"},
		"no QPS":                 {edit(`"agentQPS": 20`, `"agentQPS": 0`), "p.json:7: options.agentQPS: found 0; want at least 1 request per second"},
		"cluster ID":             {edit(`"clusterID": 1`, `"clusterID": 0`), "p.json:7: options.clusterID: found 0; ClusterMesh takes 1 to 511"},
		"cluster ID 512":         {edit(`"clusterID": 1`, `"clusterID": 512`), "p.json:7: options.clusterID: found 512; ClusterMesh takes 1 to 511"},
		"cluster name":           {edit(`"c1"`, `"C1"`), `p.json:7: options.clusterName: "C1" is not a name that Kubernetes accepts: want lower-case letters, digits, '-' and '.'`},
		"default name":           {edit(`"c1"`, `"default"`), `p.json:7: options.clusterName: ClusterMesh refuses the name "default"; any other will do`},
		"preempt":                {edit(`"preempt": 0`, `"preempt": -1`), "p.json:7: options.preempt: found -1; want 0 for never, or N for once in N chances"},
		"no capacity":            {edit(`"preempt": 0}`, `"preempt": 0}, "capacity": {}`), "p.json:7: capacity: it is empty; want apiservers, replicas or etcds with their cores and prices, or no capacity at all: then computing takes no time"},
		"no cores":               {edit(`"preempt": 0}`, `"preempt": 0}, "capacity": {"apiservers": {"write": "1ms"}}`), "p.json:7: capacity.apiservers.cores: found 0; want 1 to 128"},
		"a price":                {edit(`"preempt": 0}`, `"preempt": 0}, "capacity": {"replicas": {"cores": 2, "event": "-1ms"}}`), "p.json:7: capacity.replicas.event: found -1ms; want a time of one core from 0 to 10s"},
		"another's price":        {edit(`"preempt": 0}`, `"preempt": 0}, "capacity": {"etcds": {"cores": 2, "change": "1ms"}}`), "p.json:7: capacity.etcds.change: found 1ms; only replicas have a writer, whose work it is"},
		"an unknown price":       {edit(`"preempt": 0}`, `"preempt": 0}, "capacity": {"etcds": {"cores": 2, "put": "1ms"}}`), "p.json:7: capacity.etcds: there is no field \"put\" here; the fields are cores, read, write, event, kilobyte, change"},
		"stall":                  {edit(`"preempt": 0`, `"preempt": 0, "stall": -1`), "p.json:7: options.stall: found -1; want 0 for never, or N for one place in N"},
		"stalls twice":           {edit(`"preempt": 0}`, `"preempt": 0, "stall": 8}, "stalls": [{"function": "f", "offset": 1, "visit": 1, "for": "1ms"}]`), "p.json:7: stalls: options.stall draws stalls, and here are some named; want one or the other"},
		"stall nowhere":          {edit(`"preempt": 0}`, `"preempt": 0}, "stalls": [{"offset": 1, "visit": 1, "for": "1ms"}]`), "p.json:7: stalls[0].function: it is missing; want the name of a function as in a stack trace"},
		"stall offset":           {edit(`"preempt": 0}`, `"preempt": 0}, "stalls": [{"function": "f", "visit": 1, "for": "1ms"}]`), "p.json:7: stalls[0].offset: found 0; want the bytes from the function's start, 1 or more"},
		"stall visit":            {edit(`"preempt": 0}`, `"preempt": 0}, "stalls": [{"function": "f", "offset": 1, "for": "1ms"}]`), "p.json:7: stalls[0].visit: found 0; want the visit's number, from 1"},
		"stall for":              {edit(`"preempt": 0}`, `"preempt": 0}, "stalls": [{"function": "f", "offset": 1, "visit": 1, "for": "2m"}]`), "p.json:7: stalls[0].for: found 120s; want up to 60s"},
		"no churn":               {edit(`"churn": "60s"`, `"churn": "0s"`), "p.json:8: churn: found 0s; want 1s to 86400s"},
		"no settle":              {edit("  \"settle\": \"6m\",\n", ""), "p.json:1: settle: found 0s; want 1s to 86400s"},
		"bad IP":                 {edit(`"10.0.0.1"`, `"10.0.0.256"`), `p.json:11: pods[0].ip: "10.0.0.256" is not an IP address, such as "10.0.0.7" or "fd00::7"`},
		"bad name":               {edit(`"name": "web-0", "app"`, `"name": "web_0", "app"`), `p.json:11: pods[0].name: "web_0" is not a name that Kubernetes accepts: want lower-case letters, digits, '-' and '.'`},
		"missing node":           {edit(`"node": "n3"`, `"node": "n4"`), "p.json:14: ops[0].pod.node: the node n4 does not exist at that time; the plan starts with n0 to n3"},
		"pod twice":              {edit(`"name": "web-1", "app": "web"`, `"name": "web-0", "app": "web"`), "p.json:14: ops[0].pod.name: the pod shop/web-0 exists already at that time"},
		"pod missing":            {edit(`"name": "web-0"}}`, `"name": "web-7"}}`), "p.json:16: ops[2].pod.name: the pod shop/web-7 does not exist at that time"},
		"delete with IP":         {edit(`"name": "web-0"}}`, `"name": "web-0", "ip": "10.0.0.1"}}`), "p.json:16: ops[2].pod: a pod-delete takes the pod's namespace and name only"},
		"order of ops":           {edit(`"at": "3s"`, `"at": "1.5s"`), "p.json:16: ops[2].at: 1.5s is before the 2s of the entry before it; the list is in order of time"},
		"op too late":            {edit(`"at": "6s"`, `"at": "61s"`), "p.json:19: ops[5].at: 61s is outside the churn phase, which lasts from 0s to 60s"},
		"no such node":           {edit(`"pods": [`, `"nodes": [{"name": "n4"}], "pods": [`), `p.json:10: nodes[0].name: "n4" is none of the nodes that topology.nodes counts, n0, n1, ...`},
		"node twice":             {edit(`"pods": [`, `"nodes": [{"name": "n0"}, {"name": "n0"}], "pods": [`), "p.json:10: nodes[1].name: the node n0 is described already"},
		"address type":           {edit(`"pods": [`, `"nodes": [{"name": "n0", "addresses": ["192.168.0.1"]}], "pods": [`), `p.json:10: nodes[0].addresses[0]: "192.168.0.1" is not an address of a node, such as "InternalIP=192.168.0.1"; the types are InternalIP, ExternalIP, CiliumInternalIP`},
		"no InternalIP":          {edit(`"pods": [`, `"nodes": [{"name": "n0", "addresses": ["ExternalIP=192.168.0.1"]}], "pods": [`), "p.json:10: nodes[0].addresses: there is no InternalIP, by which the node's pods are reached"},
		"bad CIDR":               {edit(`"pods": [`, `"nodes": [{"name": "n0", "podCIDRs": ["10.128.0.1/24"]}], "pods": [`), `p.json:10: nodes[0].podCIDRs[0]: "10.128.0.1/24" is not a CIDR, such as "10.128.0.0/24" or "fd00:1::/64"`},
		"two of a family":        {edit(`"pods": [`, `"nodes": [{"name": "n0", "health": ["10.0.0.1", "10.0.0.2"]}], "pods": [`), "p.json:10: nodes[0].health[1]: there is an address of that family already, and a CiliumNode has one"},
		"encryption key":         {edit(`"pods": [`, `"nodes": [{"name": "n0", "encryptionKey": 16}], "pods": [`), "p.json:10: nodes[0].encryptionKey: found 16; want 1 to 15, or 0 for none"},
		"address twice":          {edit(`"ip": "10.0.0.1"`, `"ip": "10.0.0.1", "moreIPs": ["fd00::1", "10.0.0.1"]`), "p.json:11: pods[0].moreIPs[1]: the pod has the address 10.0.0.1 already"},
		"bad port":               {edit(`"ip": "10.0.0.1"`, `"ip": "10.0.0.1", "ports": ["http:80"]`), `p.json:11: pods[0].ports[0]: "http:80" is not a named port, such as "http:8080/TCP": a name of at most 15 characters, a number from 1 to 65535, and TCP, UDP or SCTP`},
		"port twice":             {edit(`"ip": "10.0.0.1"`, `"ip": "10.0.0.1", "ports": ["http:80/TCP", "http:81/TCP"]`), "p.json:11: pods[0].ports[1]: the pod has a port http already"},
		"update of nothing":      {edit(`"op": "pod-delete"`, `"op": "pod-update"`), "p.json:16: ops[2].pod: a pod-update needs what becomes different: ip (with moreIPs, if there are some), ports or node"},
		"node-update of nothing": {edit(`"op": "node-create", "name": "n9"`, `"op": "node-update", "name": "n1"`), "p.json:17: ops[3].node: a node-update needs what the node has from then on"},
		"node-update of none":    {edit(`"op": "node-create", "name": "n9"`, `"op": "node-update", "name": "n9", "node": {}`), "p.json:17: ops[3].name: the node n9 does not exist at that time"},
		"name in content":        {edit(`"op": "node-create", "name": "n9"`, `"op": "node-update", "name": "n1", "node": {"name": "n1"}`), "p.json:17: ops[3].node.name: the op has the node's name, in its own field name"},
		"content of a deletion":  {edit(`"op": "node-create", "name": "n9"`, `"op": "node-delete", "name": "n1", "node": {}`), "p.json:17: ops[3].node: a node-delete takes no content of a node"},
		"annotation of a node":   {edit(`"op": "node-create", "name": "n9"`, `"op": "node-create", "name": "n9", "global": "false"`), "p.json:17: ops[3].global: a node-create annotates no namespace"},
		"annotation of none":     {edit(`"op": "node-create", "name": "n9"`, `"op": "namespace-annotate", "name": "prod"`), "p.json:17: ops[3].name: the namespace prod does not exist at that time"},
		"given address":          {edit(`"pods": [`, `"objects": [{"kind": "CiliumEndpoint", "metadata": {"name": "a"}, "status": {"networking": {"addressing": [{"ipv4": "10.0.0.900"}]}}}], "pods": [`), `p.json:10: objects[0].status.networking.addressing[0].ipv4: "10.0.0.900" is not an IP address, such as "10.0.0.7"`},
		"given CIDR":             {edit(`"pods": [`, `"objects": [{"kind": "CiliumNode", "metadata": {"name": "a"}, "spec": {"ipam": {"podCIDRs": ["10.0.0.0"]}}}], "pods": [`), `p.json:10: objects[0].spec.ipam.podCIDRs[0]: "10.0.0.0" is not a CIDR, such as "10.128.0.0/24"`},
		"unknown op":             {edit(`"op": "node-create"`, `"op": "node-reboot"`), `p.json:17: ops[3].op: the op "node-reboot" does not exist; the ops are pod-create, pod-delete, pod-relabel, pod-update, pod-replace, node-create, node-delete, node-update, namespace-delete, namespace-annotate, service-create, service-update, service-delete, policy-create, policy-update and policy-delete`},
		"op without pod":         {edit(`"op": "node-create"`, `"op": "pod-create"`), "p.json:17: ops[3].pod: a pod-create needs the pod"},
		"node exists":            {edit(`"name": "n9"`, `"name": "n1"`), "p.json:17: ops[3].name: the node n1 exists already at that time"},
		"node missing":           {edit(`"name": "n3"}`, `"name": "n8"}`), "p.json:18: ops[4].name: the node n8 does not exist at that time"},
		"node of an agent":       {edit(`"name": "n3"}`, `"name": "n1"}`), "p.json:18: ops[4].name: the agent a1 runs on node n1; delete a node without an agent"},
		"no namespace":           {edit(`"namespace-delete", "name": "shop"`, `"namespace-delete", "name": "prod"`), "p.json:19: ops[5].name: the namespace prod does not exist at that time"},
		"unknown kind":           {edit(`"reset"`, `"meteor"`), `p.json:24: faults[2].kind: the kind "meteor" does not exist; the kinds are ` + kindNames()},
		"no such replica":        {edit(`"target": "r0"`, `"target": "r2"`), "p.json:22: faults[0].target: the host r2 does not exist; the plan has r0 to r1"},
		"no such host":           {edit(`"target": "r0"`, `"target": "db"`), `p.json:22: faults[0].target: "db" is not a host; hosts are named k0, r0, e0, a0, o0 and so on, and w0`},
		"wrong host":             {edit(`"target": "r0"`, `"target": "a0"`), "p.json:22: faults[0].target: a replica-loss does not happen to a0, only to replicas (r0, ...)"},
		"strangers":              {edit(`"peer": "r1"`, `"peer": "a1"`), "p.json:23: faults[1].peer: a0 and a1 never talk; in the mode clustermesh replicas, operators and clients talk to kube-apiservers and agents talk to replicas"},
		"no peer":                {edit(`"peer": "r1", `, ``), "p.json:23: faults[1].peer: the host is missing; hosts are named k0, r0, e0, a0, o0 and so on, and w0"},
		"peer too many":          {edit(`"target": "r0"`, `"target": "r0", "peer": "k0"`), "p.json:22: faults[0].peer: a replica-loss has no peer"},
		"no length":              {edit(`"target": "r0", "for": "5s"`, `"target": "r0"`), `p.json:22: faults[0].for: a replica-loss needs a length, such as "30s"`},
		"negative length":        {edit(`"target": "r0", "for": "5s"`, `"target": "r0", "for": "-5s"`), "p.json:22: faults[0].for: found -5s; a fault cannot last less than no time"},
		"length of reset":        {edit(`"peer": "k0"`, `"peer": "k0", "for": "1s"`), "p.json:24: faults[2].for: a reset has no length"},
		"one-way reset":          {edit(`"peer": "k0"`, `"peer": "k0", "oneWay": true`), "p.json:24: faults[2].oneWay: a reset has no oneWay"},
		"lag of a restart":       {edit(`"how": "graceful"`, `"lag": "10s"`), "p.json:25: faults[3].lag: a kube-restart has no lag"},
		"negative lag":           {edit(`"kube-restart", "target": "k0", "for": "5s", "how": "graceful"`, `"kube-lag", "target": "k0", "for": "5s", "lag": "-1s"`), "p.json:25: faults[3].lag: found -1s; want 1ms to 86400s"},
		"lag of a loss":          {edit(`"target": "r0"`, `"target": "r0", "lag": "1s"`), "p.json:22: faults[0].lag: a replica-loss has no lag"},
		"how":                    {edit(`"target": "r0"`, `"target": "r0", "how": "kindly"`), `p.json:22: faults[0].how: found "kindly"; want one of killed, silent, graceful`},
		"no how":                 {edit(`"peer": "k0"`, `"peer": "k0", "how": "silent"`), "p.json:24: faults[2].how: a reset has no how"},
		"target of all":          {edit(`"replica-loss", "target": "r0"`, `"all-replicas-loss", "target": "r0"`), "p.json:22: faults[0].target: a all-replicas-loss has no target"},
		"two targets":            {edit(`"replica-loss", "target": "r0"`, `"agent-crash", "target": "a0", "targets": ["a1"]`), "p.json:22: faults[0].targets: target and targets exclude each other"},
		"one target":             {edit(`"target": "r0"`, `"targets": ["r0"]`), "p.json:22: faults[0].targets: a replica-loss happens to one host, named in target"},
		"target twice":           {edit(`"replica-loss", "target": "r0"`, `"agent-crash", "targets": ["a1", "a1"]`), "p.json:22: faults[0].targets[1]: the host a1 is named twice"},
		"group":                  {edit(`"replica-loss", "target": "r0"`, `"partition-group", "target": "r0"`), "p.json:22: faults[0].targets: a partition-group needs targets, a list of hosts"},
		"small ring":             {edit(`"replica-loss", "target": "r0"`, `"partition-ring", "targets": ["r0", "k0", "a0"]`), "p.json:22: faults[0].targets: a ring of 3 hosts cuts nothing; want at least 4"},
		"no operator":            {edit(`"replica-loss", "target": "r0"`, `"operator-crash", "target": "o0"`), "p.json:22: faults[0].target: the host o0 does not exist; the plan has none of its kind"},
		"no leader":              {edit(`"replica-loss", "target": "r0"`, `"leader-change"`), "p.json:22: faults[0].kind: a leader-change needs operators; the plan has none"},
		"peer of a move":         {edit(`"replica-loss", "target": "r0", "for": "5s"`, `"move", "target": "a0", "peer": "k0"`), "p.json:22: faults[0].peer: the peer of a move is one of replicas (r0, ...), not k0"},
		"no share":               {edit(`"replica-loss", "target": "r0"`, `"kube-errors", "target": "k0", "code": 500`), "p.json:22: faults[0].share: a kube-errors needs it: want 1 % to 100 %"},
		"odd code":               {edit(`"replica-loss", "target": "r0"`, `"kube-errors", "target": "k0", "share": 5, "code": 501`), "p.json:22: faults[0].code: found 501; want one of 500, 502, 503, 504"},
		"too few replicas":       {edit(`"replica-loss", "target": "r0"`, `"scale-down", "count": 3`), "p.json:22: faults[0].at: at 10s the world has only 2 replicas left, so a scale-down would leave -1"},
		"overlapping scale steps": {edit(`"replica-loss", "target": "r0", "for": "5s"`, `"scale-down", "count": 2, "for": "5s"},
    {"at": "11s", "kind": "scale-down", "count": 1, "for": "1s"`), "p.json:23: faults[1].at: at 11s the world has only 0 replicas left, so a scale-down would leave -1"},
		"all gone":         {edit(`"replica-loss", "target": "r0", "for": "5s"`, `"scale-down", "count": 2`), "p.json:21: faults: after the heal no replica would be left, so that no view could converge; give a fault that takes replicas a length"},
		"unknown event":    {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "dawn", "actor": "r0"}`), `p.json:22: faults[0].when.event: the event "dawn" does not exist; the events are ` + eventNames()},
		"actor missing":    {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "ready", "actor": "r2"}`), "p.json:22: faults[0].when.actor: the host r2 does not exist; the plan has r0 to r1"},
		"wrong actor":      {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "ready", "actor": "a0"}`), "p.json:22: faults[0].when.actor: the trigger can never fire: ready is never caused by a0, only by replicas (r0, ...)"},
		"wrong event kind": {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "see", "actor": "a0", "kind": "Pod"}`), `p.json:22: faults[0].when.kind: the trigger can never fire: see is never of the kind "Pod", only of identity, endpoint, node, service, backend`},
		"no slices":        {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "kube-list", "actor": "r0", "kind": "CiliumEndpointSlice"}`), "p.json:22: faults[0].when: the trigger can never fire: without options.endpointSlices there are no CiliumEndpointSlices"},
		"reader w0":        {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "kube-watch", "actor": "w0"}`), "p.json:22: faults[0].when: the trigger can never fire: w0 only writes, in a world without operators"},
		"negative nth":     {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "ready", "actor": "r0", "nth": -1}`), "p.json:22: faults[0].when.nth: found -1; want 1 for the first, 2 for the second, ..."},
		"no percent":       {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "etcd-sync", "actor": "r0"}`), "p.json:22: faults[0].when.percent: found 0; want 1 to 100"},
		"percent of a put": {edit(`"target": "r0"`, `"target": "r0", "when": {"event": "etcd-put", "actor": "r0", "percent": 40}`), "p.json:22: faults[0].when.percent: only the event etcd-sync has a percent"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("p.json", []byte(test.text))
			require.EqualError(t, err, test.want)
		})
	}
}

func TestReadFileOfAMissingFile(t *testing.T) {
	_, err := ReadFile("nowhere.json")
	require.EqualError(t, err, "nowhere.json: cannot read the plan: no such file or directory")
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]string{
		"0s": "0s", "1m5.25s": "65.25s", "200us": "200us", "200µs": "200us", "1.5ms": "1.5ms",
		"-3s": "-3s", "-1500ms": "-1.5s", "999999999ns": "999.999999ms", "24h": "86400s", "1.000000001s": "1.000000001s",
	} {
		d, err := ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, d.String())
		again, err := ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"version":2,"objects":[{}]}`))
	plans, err := filepath.Glob("testdata/plans/*.json") // each has shown something
	require.NoError(f, err)
	require.NotEmpty(f, plans)
	for _, file := range plans {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read("f", data)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		again, err := Read("f", p.Encode())
		require.NoError(t, err)
		require.Equal(t, string(p.Encode()), string(again.Encode()))
		require.NotEmpty(t, Describe(p))
	})
}

func BenchmarkRead(b *testing.B) {
	p, err := Read("small", []byte(small))
	require.NoError(b, err)
	line := []byte(p.Line())
	for b.Loop() {
		_, err := Read("plan", line)
		require.NoError(b, err)
	}
}

func TestOperatorsAndObjectsExcludeEachOther(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	p.Objects = []json.RawMessage{json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"x"}}`)}
	require.NoError(t, p.Validate())
	p.Topology.Operators = 1
	require.EqualError(t, p.Validate(), "topology.operators: operators and objects exclude each other: an operator would make the given slices anew from the Pods")
}

// Ops act on given pods of which agents hear, and only in an order that is possible.
func TestOpsOnGivenPods(t *testing.T) {
	endpoint := `{"kind":"CiliumEndpoint","metadata":{"name":"web","namespace":"shop"},"status":{"networking":{"addressing":[{"ipv4":"10.0.0.1"}]}}}`
	slice := `{"kind":"CiliumEndpointSlice","metadata":{"name":"ces"},"namespace":"shop","endpoints":[{"name":"web","networking":{"addressing":[{"ipv4":"10.0.0.1"}]}}]}`
	pod := `{"kind":"Pod","metadata":{"name":"web","namespace":"shop"}}`
	web := &Pod{Namespace: "shop", Name: "web"}
	remove, relabel := Op{Op: PodDelete, Pod: web}, Op{Op: PodRelabel, Pod: &Pod{Namespace: "shop", Name: "web", App: "db"}}
	create := Op{Op: PodCreate, Pod: &Pod{Namespace: "shop", Name: "web", App: "db", Node: "n0", IP: "10.0.0.2"}}
	for _, c := range []struct {
		objects []string
		slices  bool
		ops     []Op
		want    string
	}{
		{[]string{pod, endpoint}, false, []Op{relabel, remove, create, relabel, remove, create}, ""},
		{[]string{pod, slice}, true, []Op{relabel, remove, create, relabel, remove, create}, ""},
		{[]string{endpoint}, false, []Op{create}, "ops[0].pod.name: the pod shop/web is among the objects given"},
		{[]string{endpoint}, false, []Op{remove, remove}, "ops[1].pod.name: the pod shop/web does not exist at that time"},
		{[]string{endpoint}, false, []Op{remove, create, create}, "ops[2].pod.name: the pod shop/web exists already at that time"},
		{[]string{pod}, false, []Op{remove}, "ops[0].pod.name: the pod shop/web is among the objects given, but has no endpoint of which agents hear: the workload leaves it alone"},
		{[]string{pod, slice}, false, []Op{remove}, "ops[0].pod.name: the pod shop/web is among the objects given, but has no endpoint of which agents hear: the workload leaves it alone"},
		{[]string{pod, endpoint}, true, []Op{create}, "ops[0].pod.name: the pod shop/web is among the objects given"},
	} {
		p, err := Read("small", []byte(small))
		require.NoError(t, err)
		for _, o := range c.objects {
			p.Objects = append(p.Objects, json.RawMessage(o))
		}
		p.Pods, p.Ops, p.Options.EndpointSlices = nil, c.ops, c.slices
		if c.want == "" {
			require.NoError(t, p.Validate())
		} else {
			require.EqualError(t, p.Validate(), c.want)
		}
	}
}

func TestGivenNodesStandForThoseOfTheTopology(t *testing.T) {
	p, err := Read("small", []byte(small))
	require.NoError(t, err)
	p.Objects = []json.RawMessage{json.RawMessage(`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"x"}}`)}
	require.EqualError(t, p.Validate(), "topology.nodes: found 4; the nodes among the objects stand for those of the topology, so there must be none")
	p.Topology.Nodes, p.Pods, p.Ops = 0, nil, nil
	require.NoError(t, p.Validate())
}
