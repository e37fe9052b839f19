// Package repairs takes the mechanisms of the findings away and shows that it does: a
// repair is an edit of Cilium's source, or a setting, and a finding's plan breaks what it
// breaks without the repair and not with it.
//
// A repair is a file (repair.go). It is shown by runs of plans with a worker that has it
// and with one that has not (show.go); as a patch for Cilium's repository it carries a Go
// test that fails without it (patch.go).
package repairs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Version is the version of the file form of a Repair.
const Version = 1

// CiliumModule is the module that patches are of.
const CiliumModule = "github.com/cilium/cilium"

// Harness names this module in an edit.
const Harness = "harness"

// modules are what edits name.
var modules = map[string]string{
	"":            CiliumModule,
	Harness:       "github.com/meshcheck/meshcheck",
	"etcd-server": "go.etcd.io/etcd/server/v3",
	"etcd-pkg":    "go.etcd.io/etcd/client/pkg/v3",
}

// owners are those whose change a repair can be; a setting is nobody's.
var owners = []string{"cilium", "etcd", "proposal", "setting"}

// Repair takes the mechanism of a finding away. Its file form is YAML.
type Repair struct {
	Name string `yaml:"-"` // of its file, without .yaml

	Version  int      `yaml:"version"`            // of the file form: 1
	Of       string   `yaml:"of"`                 // whose change it is: one of owners
	Findings []string `yaml:"findings,omitempty"` // the pages of testdata/findings whose mechanism it takes away
	Reason   string   `yaml:"reason"`             // what it does, and why that is right
	Decision string   `yaml:"decision,omitempty"` // what Cilium's maintainers have to decide, if it is more than a correction

	Edits    []Edit         `yaml:"edits,omitempty"`
	Tests    []File         `yaml:"tests,omitempty"`    // that fail without it, in Cilium's style
	Settings map[string]any `yaml:"settings,omitempty"` // in place of what a plan has in its options
	Shows    []Show         `yaml:"shows,omitempty"`
}

// Edit replaces whole lines in a file. One of a test of Cilium's, where that says what the
// repair changes, is of the patch alone.
type Edit struct {
	Module string `yaml:"module,omitempty"` // none: Cilium; harness: this one, where it stands for what Cilium's chart or another program does; or one of etcd's
	File   string `yaml:"file"`             // below the module's root
	Old    string `yaml:"old"`              // occurs exactly once in it
	New    string `yaml:"new"`
}

// File is a file that is added to Cilium.
type File struct {
	File string `yaml:"file"`
	Text string `yaml:"text"`
}

// Show is a plan that breaks something without the repair.
type Show struct {
	Plan    string   `yaml:"plan"`              // of testdata/findings, without .json
	Breaks  []string `yaml:"breaks,omitempty"`  // properties; a run shows the finding if it breaks one of them
	Crashes string   `yaml:"crashes,omitempty"` // or what stands in the output of the worker, which ends by it
	Seeds   int      `yaml:"seeds,omitempty"`   // to try, from 0 on, besides the plan's own; zero: DefaultSeeds
}

// DefaultSeeds is how many seeds of a plan are tried.
const DefaultSeeds = 20

// Read reads a repair in its file form. The error is one sentence.
func Read(name string, data []byte) (*Repair, error) {
	r := &Repair{Name: name}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	err := decoder.Decode(r)
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	if err == nil {
		err = r.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("repair %s: %w", name, err)
	}
	return r, nil
}

func (r *Repair) validate() error {
	switch {
	case r.Version != Version:
		return fmt.Errorf("version %d: this program reads version %d", r.Version, Version)
	case !slices.Contains(owners, r.Of):
		return fmt.Errorf("of %q: want one of %s", r.Of, strings.Join(owners, ", "))
	case strings.TrimSpace(r.Reason) == "":
		return errors.New("reason: want a sentence on what it does and why that is right")
	case len(r.Edits) == 0 && len(r.Settings) == 0:
		return errors.New("want edits, with file, old and new, or settings")
	}
	for i, e := range r.Edits {
		switch {
		case modules[e.Module] == "":
			return fmt.Errorf("edits[%d].module %q: want none for Cilium, or one of %s", i, e.Module, strings.Join(slices.Sorted(maps.Keys(modules))[1:], ", "))
		case !isSource(e.File) && !isTest(e.File):
			return fmt.Errorf("edits[%d].file %q: want a Go file such as pkg/kvstore/etcd.go, or a script that a test of Cilium's runs", i, e.File)
		case e.Module != "" && isTest(e.File):
			return fmt.Errorf("edits[%d].file %q: of %s, want a file that the worker is built from", i, e.File, e.Module)
		case strings.TrimSpace(e.Old) == "":
			return fmt.Errorf("edits[%d].old: want the text to replace, which must occur exactly once in %s", i, e.File)
		case e.Old == e.New:
			return fmt.Errorf("edits[%d].new is the same as old", i)
		}
	}
	for i, f := range r.Tests {
		if !isTest(f.File) {
			return fmt.Errorf("tests[%d].file %q: want a test of Cilium's, such as pkg/kvstore/etcd_lease_test.go", i, f.File)
		}
	}
	for i, s := range r.Shows {
		switch {
		case !fs.ValidPath(s.Plan) || strings.Contains(s.Plan, "/"):
			return fmt.Errorf("shows[%d].plan %q: want the name of a plan in testdata/findings, without .json", i, s.Plan)
		case (len(s.Breaks) == 0) == (s.Crashes == ""):
			return fmt.Errorf("shows[%d]: want either breaks, properties, or crashes, what a worker's output has", i)
		case s.Seeds < 0:
			return fmt.Errorf("shows[%d].seeds %d: want how many to try, or none for %d", i, s.Seeds, DefaultSeeds)
		}
		for _, p := range s.Breaks {
			if !slices.ContainsFunc(checker.Properties(), func(known property.Property) bool { return known.Name == p }) {
				return fmt.Errorf("shows[%d].breaks: there is no property %q", i, p)
			}
		}
	}
	if len(r.Settings) > 0 {
		if _, err := r.Set(&fault.Plan{}); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	return nil
}

func isSource(file string) bool { return fs.ValidPath(file) && strings.HasSuffix(file, ".go") }

// isTest tells of a file whether it is a Go test or a script that one runs.
func isTest(file string) bool {
	return fs.ValidPath(file) && (strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".txtar"))
}

// Set returns a plan with the settings of the repair.
func (r *Repair) Set(plan *fault.Plan) (*fault.Plan, error) {
	if len(r.Settings) == 0 {
		return plan, nil
	}
	data, err := json.Marshal(r.Settings)
	if err != nil {
		return nil, err
	}
	set := *plan
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return &set, decoder.Decode(&set.Options)
}

// Plant returns the edits of repairs as a build takes them; nil, if there are none.
func Plant(all ...*Repair) *det.Plant {
	var p det.Plant
	for _, r := range all {
		for _, e := range r.Edits {
			if isTest(e.File) {
				continue
			}
			p.Edits = append(p.Edits, det.SourceEdit{Module: modules[e.Module], File: e.File, Old: e.Old, New: e.New})
		}
	}
	if len(p.Edits) == 0 {
		return nil
	}
	return &p
}

// Names returns the names of the repairs in a directory, in order.
func Names(dir fs.FS) (names []string, err error) {
	files, err := fs.Glob(dir, "*.yaml")
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".yaml"))
	}
	return names, err
}

// Load reads repairs of a directory by their names; without names, all.
func Load(dir fs.FS, names ...string) (all []*Repair, err error) {
	known, err := Names(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = known
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no repair %q; there are %s", name, strings.Join(known, ", "))
		}
		data, err := fs.ReadFile(dir, name+".yaml")
		if err != nil {
			return nil, err
		}
		r, err := Read(name, data)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// With returns the edits of repairs and those of a bug, which is planted into what they
// have made; it may be nil.
func With(all []*Repair, bug *det.Plant) *det.Plant {
	plant := Plant(all...)
	switch {
	case bug == nil:
		return plant
	case plant == nil:
		return bug
	}
	plant.Edits = append(plant.Edits, bug.Edits...)
	return plant
}
