package checker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/property"
)

func TestEchoes(t *testing.T) {
	fails := func(name string, promised bool, violations ...Violation) Result {
		return Result{Property: name, Outcome: Fail, Promised: promised, Violations: violations}
	}
	at := func(agent, key string, at time.Duration, mechanisms ...string) Violation {
		v := Violation{Facts: Facts{Agent: agent, Kind: "endpoint", Key: key, At: at}}
		for _, name := range mechanisms {
			if v.Cause == nil {
				v.Cause = &Cause{}
			}
			v.Cause.Proofs = append(v.Cause.Proofs, Proof{Mechanism: name})
		}
		return v
	}
	stuck := func(agent string, mechanisms ...string) Violation {
		v := at(agent, "", time.Minute, mechanisms...)
		v.Kind = ""
		return v
	}
	client := func(name string, mechanisms ...string) Violation {
		v := at("", "x", time.Second, mechanisms...)
		v.Client = name
		return v
	}
	for _, c := range []struct {
		name    string
		results []Result
		echoes  map[string]string
	}{
		{"the same agent, entry and instant", []Result{fails("monotonic", true, at("a0", "e", 5), at("a1", "e", 6)), fails("owner", true, at("a0", "e", 5))}, map[string]string{"owner": "monotonic"}},
		{"another instant", []Result{fails("monotonic", true, at("a0", "e", 5)), fails("owner", true, at("a0", "e", 6))}, nil},
		{"another entry", []Result{fails("monotonic", true, at("a0", "e", 5)), fails("owner", true, at("a0", "f", 5))}, nil},
		{"another agent", []Result{fails("monotonic", true, at("a0", "e", 5)), fails("owner", true, at("a1", "e", 5))}, nil},
		{"one of two is no echo", []Result{fails("monotonic", true, at("a0", "e", 5)), fails("owner", true, at("a0", "e", 5), at("a0", "f", 5))}, nil},
		{"it does not rest on that", []Result{fails("integrity", true, at("a0", "e", 5)), fails("owner", true, at("a0", "e", 5))}, nil},
		{"promised, and the ground is not", []Result{fails("monotonic", false, at("a0", "e", 5)), fails("owner", true, at("a0", "e", 5))}, nil},
		{"neither is promised", []Result{fails("monotonic-session", false, at("a0", "e", 5)), fails("monotonic", false, at("a0", "e", 5))}, map[string]string{"monotonic": "monotonic-session"}},
		{"an echo of an echo", []Result{fails("monotonic-session", true, at("a0", "e", 5)), fails("monotonic", true, at("a0", "e", 5)), fails("owner", true, at("a0", "e", 5))},
			map[string]string{"monotonic": "monotonic-session", "owner": "monotonic-session"}},
		{"an agent's whole view", []Result{fails("convergence", true, stuck("a0")), fails("single-source", true, at("a0", "e", time.Minute)), fails("staleness", true, at("a0", "e", 7))},
			map[string]string{"single-source": "convergence"}},
		{"the same mechanism", []Result{fails("convergence", true, stuck("a0", "m", "n")), fails("staleness", true, at("a0", "e", 7, "m"), at("a0", "f", 8, "n")), fails("readiness", true, at("", "p", 9, "n"))},
			map[string]string{"staleness": "convergence", "readiness": "convergence"}},
		{"another mechanism", []Result{fails("convergence", true, stuck("a0", "m")), fails("staleness", true, at("a0", "e", 7, "m", "n"))}, nil},
		{"the mechanism with another agent", []Result{fails("convergence", true, stuck("a0", "m")), fails("staleness", true, at("a1", "e", 7, "m"))}, nil},
		{"a client that is an agent", []Result{fails("convergence", true, stuck("a0", "m")), fails("revision-origin", true, client("a0", "m"))}, map[string]string{"convergence": "revision-origin"}},
		{"without agent or mechanism", []Result{fails("convergence", true, stuck("a0")), fails("readiness", true, at("", "p", time.Minute))}, nil},
	} {
		if c.echoes == nil {
			c.echoes = map[string]string{}
		}
		require.Equal(t, c.echoes, Verdict{Results: c.results}.Echoes(), c.name)
	}
}

// What properties rest on are properties, and none rests on itself, by whatever way.
func TestRestsOn(t *testing.T) {
	rests := map[string][]string{}
	for _, p := range Properties() {
		rests[p.Name] = p.RestsOn
	}
	var visit func(name string, above []string)
	visit = func(name string, above []string) {
		require.NotContains(t, above, name)
		on, known := rests[name]
		require.True(t, known, name)
		for _, further := range on {
			visit(further, append(above[:len(above):len(above)], name))
		}
	}
	for name := range rests {
		visit(name, nil)
	}
}

// The echoes of a golden history are those that it is known for.
func TestEchoesOfConvergence(t *testing.T) {
	v := judgeFile(t, "../testdata/histories/convergence.history")
	require.Equal(t, map[string]string{"agreement": "convergence", "single-source": "convergence", "staleness": "convergence"}, v.Echoes())
	require.Equal(t, []string{"convergence", "single-source", "agreement", "staleness"}, v.Broken(), "the verdict has all")
	for _, r := range v.Results {
		require.Equal(t, r.Outcome == property.Fail, len(r.Violations) > 0)
	}
}
