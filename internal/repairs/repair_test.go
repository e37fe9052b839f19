package repairs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
	found "github.com/meshcheck/meshcheck/testdata/findings"
	files "github.com/meshcheck/meshcheck/testdata/repairs"
)

const sample = `version: 1
of: cilium
findings: [ghosts]
reason: There are no ghosts.
edits:
- file: pkg/a.go
  old: |2
    	one
  new: |2
    	two
tests:
- file: pkg/a_test.go
  text: |
    package pkg
shows:
- plan: ghosts
  breaks: [convergence]
`

func TestRead(t *testing.T) {
	r, err := Read("sample", []byte(sample))
	require.NoError(t, err)
	require.Equal(t, "sample", r.Name)
	require.Equal(t, []Edit{{File: "pkg/a.go", Old: "\tone\n", New: "\ttwo\n"}}, r.Edits)
	require.Equal(t, &det.Plant{Edits: []det.SourceEdit{{Module: CiliumModule, File: "pkg/a.go", Old: "\tone\n", New: "\ttwo\n"}}}, Plant(r))
	require.Nil(t, Plant())
	ofTest := &Repair{Edits: []Edit{{File: "pkg/a_test.go", Old: "a", New: "b"}, {File: "pkg/testdata/a.txtar", Old: "a", New: "b"}}}
	require.Nil(t, Plant(ofTest), "no worker is built from a test")
	bug := &det.Plant{Edits: []det.SourceEdit{{Module: CiliumModule, File: "pkg/b.go", Old: "a", New: "b"}}}
	require.Equal(t, []string{"pkg/a.go", "pkg/b.go"}, []string{With([]*Repair{r}, bug).Edits[0].File, With([]*Repair{r}, bug).Edits[1].File})
	require.Equal(t, bug, With(nil, bug))
}

func TestRefusals(t *testing.T) {
	for want, change := range map[string][2]string{
		"version 2: this program reads version 1":                                                                       {"version: 1", "version: 2"},
		`of "me": want one of cilium, etcd, proposal, setting`:                                                          {"of: cilium", "of: me"},
		"reason: want a sentence on what it does and why that is right":                                                 {"There are no ghosts.", ""},
		`edits[0].module "etcd": want none for Cilium, or one of etcd-pkg, etcd-server, harness`:                        {"- file: pkg/a.go", "- module: etcd\n  file: pkg/a.go"},
		"edits[0].new is the same as old":                                                                               {"\ttwo", "\tone"},
		`shows[0].breaks: there is no property "convergences"`:                                                          {"[convergence]", "[convergences]"},
		"shows[0]: want either breaks, properties, or crashes, what a worker's output has":                              {"  breaks: [convergence]\n", ""},
		`edits[0].file "../a.go": want a Go file such as pkg/kvstore/etcd.go, or a script that a test of Cilium's runs`: {"pkg/a.go", "../a.go"},
		`edits[0].file "pkg/a_test.go": of harness, want a file that the worker is built from`:                          {"- file: pkg/a.go", "- module: harness\n  file: pkg/a_test.go"},
		`tests[0].file "pkg/a_tests.go": want a test of Cilium's, such as pkg/kvstore/etcd_lease_test.go`:               {"a_test.go", "a_tests.go"},
		`settings: json: unknown field "leaseTTLs"`:                                                                     {"shows:", "settings: {leaseTTLs: 1m}\nshows:"},
	} {
		require.Equal(t, 1, strings.Count(sample, change[0]), change[0])
		_, err := Read("sample", []byte(strings.Replace(sample, change[0], change[1], 1)))
		require.EqualError(t, err, "repair sample: "+want)
	}
	_, err := Read("sample", nil)
	require.EqualError(t, err, "repair sample: the file is empty")
	_, err = Load(files.Files, "broom")
	require.ErrorContains(t, err, `there is no repair "broom"; there are address-handed-over, `)
}

func TestSettings(t *testing.T) {
	all, err := Load(files.Files, "lease-longer-than-watchdog")
	require.NoError(t, err)
	plan := &fault.Plan{Seed: 3}
	set, err := all[0].Set(plan)
	require.NoError(t, err)
	require.EqualValues(t, "900s", set.Options.LeaseTTL.String())
	require.EqualValues(t, 3, set.Seed)
	require.Zero(t, plan.Options.LeaseTTL, "the given plan stays as it is")
}

// Every repair fits Cilium's source, alone and with all others, and what its plans are is
// there.
func TestRepairsFit(t *testing.T) {
	all, err := Load(files.Files)
	require.NoError(t, err)
	source, err := Source(t.Context())
	require.NoError(t, err)
	for _, r := range all {
		_, _, err := Tree(source, r)
		require.NoError(t, err)
		for _, s := range r.Shows {
			data, err := found.Files.ReadFile(s.Plan + ".json")
			require.NoError(t, err)
			_, err = fault.Read(s.Plan, data)
			require.NoError(t, err)
			require.Contains(t, r.Findings, s.Plan)
		}
		for _, f := range r.Findings {
			require.FileExists(t, filepath.Join("../../testdata/findings", f+".md"))
		}
	}
	_, _, err = Tree(source, all...)
	require.NoError(t, err)

	others := map[string]string{} // files of the simulated world and of etcd, with what has been edited so far
	for _, r := range all {
		for i, e := range r.Edits {
			if e.Module == "" {
				continue
			}
			source, err := sourceOf(t.Context(), modules[e.Module])
			require.NoError(t, err)
			file := filepath.Join(source, e.File)
			if others[file] == "" {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				others[file] = string(data)
			}
			require.Equal(t, 1, strings.Count(others[file], e.Old), "%s: edits[%d].old in %s", r.Name, i, e.File)
			others[file] = strings.Replace(others[file], e.Old, e.New, 1)
		}
	}
	require.NotEmpty(t, others)
}

// Every finding has a repair, or README says why not.
func TestFindingsHaveRepairs(t *testing.T) {
	all, err := Load(files.Files)
	require.NoError(t, err)
	readme, err := os.ReadFile("../../testdata/repairs/README.md")
	require.NoError(t, err)
	_, without, told := strings.Cut(string(readme), "\n## Without a repair\n")
	require.True(t, told)
	has := map[string]bool{"README": true}
	for _, r := range all {
		for _, f := range r.Findings {
			has[f] = true
		}
	}
	pages, err := filepath.Glob("../../testdata/findings/*.md")
	require.NoError(t, err)
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		require.True(t, has[name] || strings.Contains(without, "`"+name+"`"), page)
	}
}

func TestPatchesApply(t *testing.T) {
	all, err := Load(files.Files)
	require.NoError(t, err)
	dir := t.TempDir()
	names, err := WritePatches(t.Context(), dir, all)
	require.NoError(t, err)
	require.Contains(t, names, "all")
	require.Contains(t, names, "sweep")
	require.NotContains(t, names, "lease-longer-than-watchdog", "a setting is no patch")
	source, err := Source(t.Context())
	require.NoError(t, err)
	before, after, err := Tree(source, all...)
	require.NoError(t, err)
	checkout := t.TempDir()
	for file, text := range before {
		path := filepath.Join(checkout, filepath.FromSlash(file))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	apply := exec.CommandContext(t.Context(), "git", "apply", filepath.Join(dir, "all.patch"))
	apply.Dir = checkout
	out, err := apply.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for file, text := range after {
		now, err := os.ReadFile(filepath.Join(checkout, filepath.FromSlash(file)))
		require.NoError(t, err)
		require.Equal(t, text, string(now), file)
	}
}
