// Package planted judges the checkers: it puts a known bug into Cilium's source, or
// into the simulated servers', hunts it with seeds, and tells whether the property
// that must catch it did.
//
// A bug is a file (bug.go). A hunt (hunt.go) runs seeds with the worker that has it
// and, where they show it, with the one that has not: what a plan breaks in both is
// a finding about Cilium as it is, and no catch.
package planted

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Version is the version of the file form of a Bug.
const Version = 2

// Swarm is the family of the plans that simrun -seed draws.
const Swarm = "swarm"

// source is a module that bugs are planted in.
type source struct {
	path    string
	below   string // the directory of what a worker is built from; empty: the root
	example string // a file
}

// sources are the modules that a bug's file names.
var sources = map[string]source{
	"cilium":       {path: "github.com/cilium/cilium", example: "pkg/kvstore/etcd.go"},
	"harness":      {path: "github.com/meshcheck/meshcheck", below: "sim/", example: "sim/kube/watch.go"},
	"etcd-server":  {path: "go.etcd.io/etcd/server/v3", example: "etcdserver/v3_server.go"},
	"etcd-client":  {path: "go.etcd.io/etcd/client/v3", example: "watch.go"},
	"etcd-pkg":     {path: "go.etcd.io/etcd/client/pkg/v3", example: "transport/transport.go"},
	"client-go":    {path: "k8s.io/client-go", example: "tools/cache/reflector.go"},
	"apimachinery": {path: "k8s.io/apimachinery", example: "pkg/watch/streamwatcher.go"},
}

// Bug is a bug that is planted, what must catch it, and where it is hunted. Its
// file form is YAML.
type Bug struct {
	Name string `yaml:"-"` // of its file, without .yaml

	Version  int    `yaml:"version"`            // of the file form: 2
	Upstream string `yaml:"upstream,omitempty"` // the issue whose bug it brings back, such as cilium/cilium#24740; none: a bug of our own
	Story    string `yaml:"story"`              // what is wrong, and what follows from it

	// Module is what has the bug: cilium, also if it is empty; harness, the simulated servers
	// of this module; or what Cilium stands on, as sources names it.
	Module string `yaml:"module,omitempty"`
	Edits  []Edit `yaml:"edits"`
	Catch  Catch  `yaml:"catch"`
	Hunt   Hunt   `yaml:"hunt"`
}

// Edit replaces whole lines in a file of the module.
type Edit struct {
	File string `yaml:"file"` // below the module's root
	Old  string `yaml:"old"`  // occurs exactly once in it
	New  string `yaml:"new"`
}

// Hunt is where the bug is looked for.
type Hunt struct {
	Family string `yaml:"family,omitempty"` // Swarm, or what simrun -scenario takes
	Mode   string `yaml:"mode,omitempty"`   // of the family's plans, as simrun -mode takes it; empty: the default one
	Agents string `yaml:"agents,omitempty"` // what the agents of the family's plans are, as simrun -agents takes it; empty: assembled
	Plan   string `yaml:"plan,omitempty"`   // in place of a family: a plan, of which each seed but 0, which is itself, is a variation; a file beside the bug
	Seeds  int    `yaml:"seeds"`            // the budget: seeds from 0 on
}

// Finding is the violation that catches the bug.
func (b *Bug) Finding() checker.Finding {
	return checker.Finding{Property: b.Catch.Property, Kind: b.Catch.Kind}
}

// Plant returns the bug as a build takes it.
func (b *Bug) Plant() *det.Plant {
	var p det.Plant
	for _, e := range b.Edits {
		p.Edits = append(p.Edits, det.SourceEdit{Module: b.source().path, File: e.File, Old: e.Old, New: e.New, Compiled: true})
	}
	return &p
}

func (b *Bug) source() source { return sources[cmp.Or(b.Module, "cilium")] }

// Names returns the names of the bugs in a directory, in order.
func Names(dir fs.FS) (names []string, err error) {
	files, err := fs.Glob(dir, "*.yaml")
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".yaml"))
	}
	return names, err
}

// Load reads the bug of that name in a directory.
func Load(dir fs.FS, name string) (*Bug, error) {
	data, err := fs.ReadFile(dir, name+".yaml")
	if err != nil {
		return nil, err
	}
	return Read(name, data)
}

// Read reads a bug in its file form. Fields that a bug does not have are refused,
// and so is what cannot be planted, caught or hunted: the error is one sentence
// with the field and what would be right.
func Read(name string, data []byte) (*Bug, error) {
	b := &Bug{Name: name}
	err := b.decode(data)
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("planted bug %s: %w", name, err)
	}
	return b, nil
}

func (b *Bug) decode(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	err := decoder.Decode(b)
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	return err
}

func (b *Bug) validate() (err error) {
	switch {
	case b.Version != Version:
		return fmt.Errorf("version %d: this program reads version %d", b.Version, Version)
	case b.Upstream != "" && !issue.MatchString(b.Upstream):
		return fmt.Errorf("upstream %q: want an issue such as cilium/cilium#24740", b.Upstream)
	case strings.TrimSpace(b.Story) == "":
		return errors.New("story: want a sentence on what is wrong and what follows from it")
	case b.source() == source{}:
		return fmt.Errorf("module %q: want cilium, which none stands for, or one of %s", b.Module, strings.Join(slices.Sorted(maps.Keys(sources)), ", "))
	case len(b.Edits) == 0:
		return errors.New("edits: want at least one, with file, old and new")
	}
	in := b.source()
	for i, e := range b.Edits {
		switch {
		case !fs.ValidPath(e.File) || !strings.HasPrefix(e.File, in.below) || !strings.HasSuffix(e.File, ".go") || strings.HasSuffix(e.File, "_test.go"):
			return fmt.Errorf("edits[%d].file %q: want a Go file that the worker is built from, such as %s", i, e.File, in.example)
		case strings.TrimSpace(e.Old) == "":
			return fmt.Errorf("edits[%d].old: want the text to replace, which must occur exactly once in %s", i, e.File)
		case e.Old == e.New:
			return fmt.Errorf("edits[%d].new is the same as old", i)
		}
	}
	if err := b.Catch.validate(); err != nil {
		return err
	}
	hunted, known := mode.InWorld(b.Hunt.Mode)
	switch h := b.Hunt; {
	case (h.Family == "") == (h.Plan == ""):
		return errors.New("hunt: want either family (swarm, or what simrun -scenario takes) or plan (a file beside the bug)")
	case h.Mode != "" && (!known || hunted.Base == mode.Default.Base):
		return fmt.Errorf("hunt.mode %q: want one of %s, or none for %s", h.Mode, strings.Join(mode.SimulatedNames()[1:], ", "), mode.SimulatedNames()[0])
	case h.Mode != "" && h.Plan != "":
		return errors.New("hunt.mode: a plan carries its mode")
	case h.Agents != "" && h.Plan != "":
		return errors.New("hunt.agents: a plan says in options.agents what they are")
	case h.Seeds < 1:
		return fmt.Errorf("hunt.seeds %d: want how many seeds to try, 1 or more", h.Seeds)
	}
	return nil
}

var issue = regexp.MustCompile(`^[\w.-]+/[\w.-]+#[0-9]+$`)

var kubeKind = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)

// By returns the first violation of a verdict that is of the bug's making, as far as its
// data tells, and rather one that looks like none of testdata/findings.
func (b *Bug) By(v checker.Verdict) (by checker.Violation, shown bool) {
	result, _ := v.Result(b.Catch.Property)
	for i := range result.Violations {
		switch v := &result.Violations[i]; {
		case !b.Catch.fits(v):
		case v.Cause == nil:
			return *v, true
		case !shown:
			by, shown = *v, true
		}
	}
	return by, shown
}

// breaks reports whether a verdict breaks the bug's property on its kind of object, in
// whatever way.
func (b *Bug) breaks(v checker.Verdict) bool {
	result, _ := v.Result(b.Catch.Property)
	return slices.ContainsFunc(result.Violations, func(violation checker.Violation) bool { return b.Catch.about(&violation) })
}
