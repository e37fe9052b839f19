package fault

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/model/mode"
)

const withServices = `{
  "version": 2,
  "seed": 7,
  "mode": "clustermesh",
  "topology": {"apiservers": 1, "replicas": 1, "agents": 1, "nodes": 1},
  "network": {"latencyMin": "1ms", "latencyMax": "2ms"},
  "options": {"writerQPS": 50, "writerBootstrapQPS": 10000, "agentQPS": 20, "endpointSlices": true, "clusterID": 1, "clusterName": "c1", "preempt": 0},
  "churn": "60s",
  "settle": "360s",
  "services": [
    {"namespace": "svc0", "name": "web", "ips": ["10.96.0.1"], "ports": ["http:80/TCP"], "backends": [{"ip": "10.0.0.1", "node": "n0"}]}
  ],
  "ops": [
    {"at": "1s", "op": "service-create", "service": {"namespace": "svc0", "name": "db", "ips": ["10.96.0.2"], "ports": ["sql:5432/TCP"], "targets": [5433], "perSlice": 2}},
    {"at": "2s", "op": "service-update", "service": {"namespace": "svc0", "name": "db", "ports": ["sql:5432/TCP"], "affinity": 30}},
    {"at": "3s", "op": "service-delete", "service": {"namespace": "svc0", "name": "web"}}
  ],
  "faults": [
    {"at": "1s", "kind": "partition", "target": "a0", "peer": "k0", "for": "5s"},
    {"at": "1s", "when": {"event": "kube-watch", "actor": "a0", "kind": "Service"}, "kind": "kube-restart", "target": "k0", "for": "1s"}
  ]
}
`

// Where there are Services, agents talk to kube-apiservers in every mode.
func TestServices(t *testing.T) {
	p, err := Read("p.json", []byte(withServices))
	require.NoError(t, err)
	read, err := Read("p.json", p.Encode())
	require.NoError(t, err)
	require.Equal(t, p, read)
	require.True(t, p.HasServices())
	for i := range p.Faults {
		require.Empty(t, p.NotApplicable(&p.Faults[i]))
	}
	require.True(t, p.Talk(mode.Agent, mode.APIServer))
	p.Services, p.Ops = nil, nil
	require.False(t, p.HasServices())
	for i := range p.Faults {
		require.Contains(t, p.NotApplicable(&p.Faults[i]), "not applicable: in the mode clustermesh")
	}
}

func TestServicesThatCannotBe(t *testing.T) {
	edit := func(old, new string) string {
		require.Contains(t, withServices, old)
		return strings.Replace(withServices, old, new, 1)
	}
	for name, test := range map[string]struct{ text, want string }{
		"exists":             {edit(`"name": "db", "ips"`, `"name": "web", "ips"`), "p.json:14: ops[0].service.name: the service svc0/web exists already at that time"},
		"missing":            {edit(`"service-delete", "service": {"namespace": "svc0", "name": "web"`, `"service-delete", "service": {"namespace": "svc0", "name": "w"`), "p.json:16: ops[2].service.name: the service svc0/w does not exist at that time"},
		"no service":         {edit(`"service": {"namespace": "svc0", "name": "web"}`, `"name": "web"`), "p.json:16: ops[2].service: a service-delete needs the service"},
		"more to delete":     {edit(`"name": "web"}`, `"name": "web", "affinity": 3}`), "p.json:16: ops[2].service: a service-delete takes the service's namespace and name only"},
		"of a pod":           {edit(`"op": "service-delete"`, `"op": "node-delete", "name": "n5"`), "p.json:16: ops[2].service: a node-delete concerns no service"},
		"address taken":      {edit(`"10.96.0.2"`, `"10.96.0.1"`), "p.json:14: ops[0].service.ips[0]: the service svc0/web has the address 10.96.0.1 at that time"},
		"no address":         {edit(`"10.96.0.2"`, `"ten"`), `p.json:14: ops[0].service.ips[0]: "ten" is not an IP address, such as "10.0.0.7" or "fd00::7"`},
		"no port":            {edit(`"ports": ["http:80/TCP"], `, ``), `p.json:11: services[0].ports: a service needs a port, such as "http:80/TCP"`},
		"port twice":         {edit(`["http:80/TCP"]`, `["http:80/TCP", "web:80/TCP"]`), "p.json:11: services[0].ports[1]: the service has the port 80/TCP already"},
		"targets":            {edit(`[5433]`, `[1, 2]`), "p.json:14: ops[0].service.targets: found 2 for 1 ports; want one for each, or none"},
		"target":             {edit(`[5433]`, `[65536]`), "p.json:14: ops[0].service.targets[0]: found 65536; want a port, 1 to 65535"},
		"slices":             {edit(`"perSlice": 2`, `"perSlice": -2`), "p.json:14: ops[0].service.perSlice: found -2; want 1 to 1000, or nothing for 100"},
		"affinity":           {edit(`"affinity": 30`, `"affinity": 90000`), "p.json:15: ops[1].service.affinity: found 90000; want seconds, 1 to 86400, or nothing for none"},
		"backend":            {edit(`{"ip": "10.0.0.1", "node": "n0"}`, `{"ip": ""}`), `p.json:11: services[0].backends[0].ip: "" is not an IP address, such as "10.0.0.7" or "fd00::7"`},
		"backend twice":      {edit(`{"ip": "10.0.0.1", "node": "n0"}`, `{"ip": "10.0.0.1"}, {"ip": "10.0.0.1"}`), "p.json:11: services[0].backends[1].ip: the service has the backend 10.0.0.1 already"},
		"state":              {edit(`"node": "n0"`, `"state": "ready"`), `p.json:11: services[0].backends[0].state: found "ready"; want "unready", "terminating", "ending", or nothing for ready`},
		"its namespace":      {edit(`"op": "service-delete", "service": {"namespace": "svc0", "name": "web"}`, `"op": "namespace-delete", "name": "svc0"`), "p.json:16: ops[2].name: the namespace svc0 holds the service svc0/db at that time"},
		"name":               {edit(`"name": "db", "ips"`, `"name": "d.b", "ips"`), `p.json:14: ops[0].service.name: "d.b" is not a name that Kubernetes accepts for a Service: it may not hold '.' and has at most 63 characters`},
		"event without them": {strings.Replace(edit(withServices[strings.Index(withServices, `  "services"`):strings.Index(withServices, `  "faults"`)], ""), `"partition", "target": "a0", "peer": "k0"`, `"pause", "target": "a0"`, 1), "p.json:12: faults[1].when: the trigger can never fire: the plan has no services"},
		"name besides it":    {edit(`"op": "service-delete",`, `"op": "service-delete", "name": "x",`), "p.json:16: ops[2]: a service-delete names its service in the field service, and nothing else"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("p.json", []byte(test.text))
			require.EqualError(t, err, test.want)
		})
	}
}
