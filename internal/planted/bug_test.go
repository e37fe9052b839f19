package planted

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
	"github.com/meshcheck/meshcheck/testdata/planted"
)

const sample = `version: 2
upstream: cilium/cilium#24740
story: What is wrong.

edits:
- file: pkg/kvstore/etcd.go
  old: |2
    		one
    	two
  new: |2
    		three

catch:
  property: monotonic
  kind: endpoint
  rules: [back-in-time]

hunt:
  family: swarm
  seeds: 100
`

func TestRead(t *testing.T) {
	bug, err := Read("sample", []byte(sample))
	require.NoError(t, err)
	require.Equal(t, "sample", bug.Name)
	require.Equal(t, "cilium/cilium#24740", bug.Upstream)
	require.Equal(t, &det.Plant{Edits: []det.SourceEdit{
		{Module: "github.com/cilium/cilium", File: "pkg/kvstore/etcd.go", Old: "\t\tone\n\ttwo\n", New: "\t\tthree\n", Compiled: true},
	}}, bug.Plant())
	require.Equal(t, checker.Finding{Property: "monotonic", Kind: "endpoint"}, bug.Finding())
	require.Equal(t, Hunt{Family: Swarm, Seeds: 100}, bug.Hunt)
}

func TestReadBugOfTheHarness(t *testing.T) {
	bug, err := Read("sample", []byte(strings.NewReplacer("edits:", "module: harness\nedits:", "pkg/kvstore/", "sim/etcd/").Replace(sample)))
	require.NoError(t, err)
	require.Equal(t, "github.com/meshcheck/meshcheck", bug.Plant().Edits[0].Module)
	require.Equal(t, "sim/etcd/etcd.go", bug.Plant().Edits[0].File)

	bug, err = Read("sample", []byte(strings.Replace(sample, "kind: endpoint", "kind: CiliumNode", 1)))
	require.NoError(t, err)
	require.Equal(t, "CiliumNode", bug.Finding().Kind)
}

func TestRefusals(t *testing.T) {
	without := func(text string) [2]string { return [2]string{text, ""} }
	for want, change := range map[string][2]string{
		"version 1: this program reads version 2":                                                                                                   {"version: 2", "version: 1"},
		"version 0: this program reads version 2":                                                                                                   without("version: 2\n"),
		"yaml: unmarshal errors:\n  line 3: field storey not found in type planted.Bug":                                                             {"story:", "storey:"},
		`upstream "24740": want an issue such as cilium/cilium#24740`:                                                                               {"cilium/cilium#24740", `"24740"`},
		"story: want a sentence on what is wrong and what follows from it":                                                                          without("What is wrong."),
		"edits: want at least one, with file, old and new":                                                                                          {sample[strings.Index(sample, "edits:"):strings.Index(sample, "catch:")], ""},
		`edits[0].file "../etcd.go": want a Go file that the worker is built from, such as pkg/kvstore/etcd.go`:                                     {"pkg/kvstore/etcd.go", "../etcd.go"},
		`edits[0].file "pkg/etcd_test.go": want a Go file that the worker is built from, such as pkg/kvstore/etcd.go`:                               {"pkg/kvstore/etcd.go", "pkg/etcd_test.go"},
		"edits[0].old: want the text to replace, which must occur exactly once in pkg/kvstore/etcd.go":                                              without("    \t\tone\n    \ttwo\n"),
		`module "etcd": want cilium, which none stands for, or one of apimachinery, cilium, client-go, etcd-client, etcd-pkg, etcd-server, harness`: {"edits:", "module: etcd\nedits:"},
		`edits[0].file "pkg/kvstore/etcd.go": want a Go file that the worker is built from, such as sim/kube/watch.go`:                              {"edits:", "module: harness\nedits:"},
		"edits[0].new is the same as old":                                                                                                           {"    \t\tthree\n", "    \t\tone\n    \ttwo\n"},
		`catch.property "monotone": want one of ` + strings.Join(properties(), ", "):                                                                {"monotonic", "monotone"},
		`catch.kind "pod": want one of identity, endpoint, node, service, backend, meta, a Kubernetes kind such as CiliumNode, or none`:             {"kind: endpoint", "kind: pod"},
		"catch.rules: want at least one of back-in-time":                                                                                            without("  rules: [back-in-time]\n"),
		`catch.rules "back in time": want one of back-in-time`:                                                                                      {"[back-in-time]", "[back in time]"},
		`catch.agent "map": want one of view, datapath`:                                                                                             {"  rules:", "  agent: map\n  rules:"},
		`catch.client "replica": want one of k, r, e, a, o, w`:                                                                                      {"  rules:", "  client: replica\n  rules:"},
		`catch.differs.how "too many": want one of missing, extra, different`:                                                                       {"  rules:", "  differs: {how: [too many]}\n  rules:"},
		`catch.differs.kinds "pod": want one of identity, endpoint, node, service, backend, meta`:                                                   {"  rules:", "  differs: {kinds: [pod]}\n  rules:"},
		"hunt: want either family (swarm, or what simrun -scenario takes) or plan (a file beside the bug)":                                          without("  family: swarm\n"),
		"hunt.agents: a plan says in options.agents what they are":                                                                                  {"family: swarm", "plan: p.json\n  agents: whole"},
		"hunt.seeds 0: want how many seeds to try, 1 or more":                                                                                       {"seeds: 100", "seeds: 0"},
	} {
		require.Equal(t, 1, strings.Count(sample, change[0]), change[0])
		_, err := Read("sample", []byte(strings.Replace(sample, change[0], change[1], 1)))
		require.EqualError(t, err, "planted bug sample: "+want)
	}
	_, err := Read("sample", []byte(strings.Replace(sample, "  family: swarm\n", "  family: swarm\n  plan: p.json\n", 1)))
	require.ErrorContains(t, err, "hunt: want either family")
	_, err = Read("sample", nil)
	require.EqualError(t, err, "planted bug sample: the file is empty")
}

func properties() (names []string) {
	for _, p := range checker.Properties() {
		names = append(names, p.Name)
	}
	return names
}

func TestWhichViolationIsOfTheBugsMaking(t *testing.T) {
	bug, err := Read("sample", []byte(sample))
	require.NoError(t, err)
	violations := []checker.Violation{brokenBy("node", "back-in-time"), brokenBy("endpoint", "another"), brokenBy("endpoint", "back-in-time")}
	verdict := func(property string, all []checker.Violation) checker.Verdict {
		return checker.Verdict{Results: []checker.Result{{Property: property, Outcome: checker.Fail, Violations: all}}}
	}
	violation, is := bug.By(verdict("monotonic", violations))
	require.True(t, is)
	require.Equal(t, violations[2], violation)
	_, is = bug.By(verdict("monotonic", violations[:2]))
	require.False(t, is)
	_, is = bug.By(verdict("integrity", violations))
	require.False(t, is)
}

func TestWhatAViolationMustSay(t *testing.T) {
	storm := brokenBy("", "storm")
	storm.Client, storm.Server, storm.Layer, storm.Key = "r0", "k1", property.Datapath, "x"
	storm.Shown = &property.Version{Op: "put", Key: "y"}
	storm.Differences = []property.Difference{{How: property.Extra, Kind: "node"}, {How: property.Missing, Kind: "endpoint"}}
	for text, fits := range map[string]bool{
		"": true,
		"client: r, server: k, agent: datapath, key: x, shown: {op: put, key: y}": true,
		"client: a":                              false,
		"server: r":                              false,
		"agent: view":                            false,
		"key: y":                                 false,
		"shown: {op: get}":                       false,
		"shown: {key: x}":                        false,
		"differs: {how: [different]}":            false,
		"differs: {how: [extra]}":                true,
		"differs: {kinds: [identity]}":           false,
		"differs: {how: [extra], kinds: [node]}": true,
		"differs: {how: [extra, different], kinds: [endpoint]}":   false,
		"differs: {how: [missing, different], kinds: [endpoint]}": true,
	} {
		c := Catch{}
		require.NoError(t, yaml.Unmarshal([]byte("{rules: [storm], "+text+"}"), &c), text)
		require.Equal(t, fits, c.fits(&storm), text)
	}
	c := Catch{Rules: []string{"storm"}}
	c.Shown.Op = "put"
	bare := brokenBy("", "storm")
	require.False(t, c.fits(&bare), "it shows nothing")
	storm.Kind = ""
	explained := storm
	explained.Cause = &checker.Cause{}
	bug := Bug{Catch: Catch{Property: "load", Rules: []string{"storm"}}}
	by := func(all ...checker.Violation) checker.Violation {
		v, shown := bug.By(checker.Verdict{Results: []checker.Result{{Property: "load", Outcome: checker.Fail, Violations: all}}})
		require.True(t, shown)
		return v
	}
	require.Equal(t, explained, by(explained), "what it looks like decides nothing")
	require.Equal(t, storm, by(explained, storm))
	c.Property, c.Kind, c.Client, c.Server, c.Agent, c.Key, c.Differs.Kinds = "load", "node", "r", "k", "view", "x", []string{"node"}
	require.Equal(t, "load of node: storm (in an agent's view, client r, server k, key x, shown put, with an entry of kind node)", c.String())
	require.Equal(t, "load: storm", (&Catch{Property: "load", Rules: []string{"storm"}}).String())
}

// Each planted bug can be read, fits the source of the module that has it, and has a
// plan where it says so.
func TestPlantedBugs(t *testing.T) {
	roots := map[source]string{}
	for _, s := range sources {
		output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", s.path).Output()
		require.NoError(t, err)
		roots[s] = strings.TrimSpace(string(output))
	}
	names, err := Names(planted.Files)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	readme, err := os.ReadFile("../../testdata/planted/README.md")
	require.NoError(t, err)
	caught := map[string]bool{}
	for _, name := range names {
		bug, err := Load(planted.Files, name)
		require.NoError(t, err)
		caught[bug.Catch.Property] = true
		text := map[string]string{}
		for i, e := range bug.Edits {
			if text[e.File] == "" {
				data, err := os.ReadFile(filepath.Join(roots[bug.source()], e.File))
				require.NoError(t, err, name)
				text[e.File] = string(data)
			}
			require.Equal(t, 1, strings.Count(text[e.File], e.Old), "%s: edits[%d].old in %s", name, i, e.File)
			text[e.File] = strings.Replace(text[e.File], e.Old, e.New, 1)
		}
		if bug.Hunt.Plan != "" {
			data, err := planted.Files.ReadFile(bug.Hunt.Plan)
			require.NoError(t, err, name)
			_, err = fault.Read(bug.Hunt.Plan, data)
			require.NoError(t, err, name)
		}
		require.Contains(t, string(readme), "| `"+name+"` |")
	}
	for _, p := range checker.Properties() {
		require.True(t, caught[p.Name], "no planted bug must be caught by %s", p.Name)
	}
}
