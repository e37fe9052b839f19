package mode

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	m, err := Parse("clustermesh+kept+fence+sweep+fence")
	require.NoError(t, err)
	require.Equal(t, "clustermesh+sweep+fence+kept", m.String(), "repairs are in one order, once each")
	for text, want := range map[string]string{
		"mesh":                `mode "mesh": there is no base "mesh"; there are crd, kvstore, clustermesh, handover, direct, central`,
		"clustermesh/dns":     `mode "clustermesh/dns": there is no discovery "dns"; there are service, dialer, hostnetwork`,
		"crd/dialer":          "mode crd/dialer: discoveries are for clustermesh",
		"handover/dialer":     `mode "handover/dialer": there is no policy "dialer"; there are cutover, merge, precedence`,
		"clustermesh+magic":   `mode "clustermesh+magic": there is no repair "magic"; there are sweep, token, heartbeat, fence, kept, anchor, cutover`,
		"crd+sweep":           "mode crd+sweep: repairs are for clustermesh and handover",
		"clustermesh+cutover": "mode clustermesh+cutover: the repair cutover is for handover",
		"clustermesh+kept":    "mode clustermesh+kept: the repair kept needs the repair fence",
	} {
		_, err := Parse(text)
		require.EqualError(t, err, want)
	}
}

// A mode is found by its usual discovery unless it says otherwise, and of the others agents talk
// to kube-apiservers.
func TestDiscoveries(t *testing.T) {
	require.Equal(t, []string{"clustermesh", "clustermesh/dialer", "clustermesh/hostnetwork", "crd", "kvstore", "handover", "handover/merge", "handover/precedence"}, Variants())
	for _, name := range Variants() {
		m, known := InWorld(name)
		require.True(t, known)
		require.Equal(t, name, m.String())
		require.Equal(t, m.Chooses() || m.Base == CRD || m.HandsOver(), m.Talk(Agent, APIServer), name)
	}
	require.Equal(t, Default, Default.By(ByService))
	require.Equal(t, []string{"clustermesh", "clustermesh/hostnetwork"}, Default.In([]Discovery{ByService, ByHostNetwork}))
	require.Equal(t, []string{"crd"}, Mode{Base: CRD}.In(Discoveries()))
	require.Equal(t, []string{"handover/merge"}, Mode{Base: Handover, Policy: ByMerge}.In(Discoveries()))
}

// A handover of a world has a policy; that of the abstract mesh has none.
func TestPolicies(t *testing.T) {
	for text, want := range map[string]Policy{"handover": ByCutover, "handover/merge": ByMerge, "handover/precedence": ByPrecedence} {
		m, known := InWorld(text)
		require.True(t, known)
		require.Equal(t, want, m.Policy)
		require.Equal(t, text, m.String())
		again, known := OfPlan(string(m.Base), "", m.Chosen())
		require.True(t, known)
		require.Equal(t, m, again)
		require.Equal(t, want == ByCutover, m.Promises(SingleSource), text)
	}
	abstract, err := Parse("handover")
	require.NoError(t, err)
	require.Empty(t, abstract.Policy)
	require.Empty(t, Default.With(ByMerge).Policy, "it has one source")
}

func TestPromises(t *testing.T) {
	for text, want := range map[string][3]bool{ // monotonic, single-source, agree
		"crd":               {true, true, true},
		"kvstore":           {true, true, true},
		"clustermesh":       {false, true, false},
		"clustermesh+fence": {true, true, false},
		"handover":          {false, false, false},
		"handover+cutover":  {false, true, false},
		"direct":            {false, true, false},
		"central":           {false, true, false},
	} {
		m, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, [3]bool{m.Promises(Monotonic), m.Promises(SingleSource), m.Promises(Agree)}, text)
		require.True(t, m.Promises("convergence"), text)
	}
}

func TestHosts(t *testing.T) {
	for _, role := range Roles() {
		parsed, number, err := ParseHost(role.Host(12))
		require.NoError(t, err)
		require.Equal(t, role, parsed)
		require.Equal(t, 12, number)
		for _, other := range Roles() {
			require.Equal(t, other == role, other.Is(role.Host(0)))
		}
	}
	for _, name := range []string{"", "r", "r01", "r-1", "r+1", "x0", "world"} {
		_, _, err := ParseHost(name)
		require.EqualError(t, err, `"`+name+`" is not the name of a host: want one of the letters k, r, e, a, o, w and a number, such as "r0"`)
	}
}
