// Package corpus keeps what campaigns find in a directory: one folder for each
// distinct finding, how far the seeds have come, and a summary for people.
//
//	corpus/
//	  convergence.endpoint.writer-restart/   a finding, named after its signature
//	    finding.json                         what is broken, and which seeds showed it
//	    plan.json                            the smallest plan that shows it
//	  harness.crash-index-out-of-range/      a worker that died is a finding too
//	    finding.json, plan.json, output.txt
//	  state.json                             where a campaign goes on
//	  summary.md                             the findings and the coverage marks, for people
//
// Whatever is written is complete or absent, whenever the program or the machine
// stops: files and folders are written beside their place under a name that begins
// with a dot, synced, and renamed.
package corpus

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Files of a corpus and of a finding's folder.
const (
	findingFile = "finding.json"
	planFile    = "plan.json"
	outputFile  = "output.txt"
	stateFile   = "state.json"
	summaryFile = "summary.md"
)

// Corpus is a corpus that this process alone changes. Its methods may be called
// by several goroutines.
type Corpus struct {
	dir  string
	lock *os.File

	mu       sync.Mutex
	findings map[string]*Finding // by name; a value is replaced, never changed
}

// Open opens the corpus in a directory, which it makes if there is none, and
// keeps others from opening it until Close. ErrBusy says that another process has
// it open.
func Open(dir string) (*Corpus, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	c := &Corpus{dir: dir, lock: lock, findings: map[string]*Finding{}}
	if err := c.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return c, nil
}

func (c *Corpus) load() error {
	if err := files.RemoveUnfinished(c.dir); err != nil {
		return err
	}
	findings, err := Read(c.dir)
	for _, f := range findings {
		c.findings[f.Name()] = f
	}
	return err
}

// Close lets others open the corpus.
func (c *Corpus) Close() error { return c.lock.Close() }

// Dir is the directory of the corpus.
func (c *Corpus) Dir() string { return c.dir }

// Read returns the findings of a corpus in the order of their names, without
// changing or locking it. A directory that does not exist has none.
func Read(dir string) ([]*Finding, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var findings []*Finding
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), files.Unfinished) {
			continue
		}
		f, err := readFinding(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// Findings returns the findings in the order of their names.
func (c *Corpus) Findings() []*Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.findings), func(a, b *Finding) int { return cmp.Compare(a.Name(), b.Name()) })
}

// Known returns the findings that break a property on a kind of object in a mode,
// those with the fewest kinds of faults first: the likeliest mechanisms.
func Known(findings []*Finding, mode string, broken checker.Finding) []*Finding {
	var known []*Finding
	for _, f := range findings {
		if f.Plan.Mode == mode && f.Broken() == broken {
			known = append(known, f)
		}
	}
	slices.SortStableFunc(known, func(a, b *Finding) int { return cmp.Compare(len(a.Faults), len(b.Faults)) })
	return known
}

// Add keeps a finding with its plan. If one with its name is known already, that
// one gets its seeds, and its plan if that is smaller. It reports whether the
// finding is new. The corpus keeps f.
func (c *Corpus) Add(f *Finding) (isNew bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(f)
}

func (c *Corpus) add(f *Finding) (isNew bool, err error) {
	known := c.findings[f.Name()]
	if known == nil {
		if err := c.create(f); err != nil {
			return false, fmt.Errorf("keeping the finding %s: %w", f.Name(), err)
		}
		c.findings[f.Name()] = f
		return true, nil
	}
	return false, c.replace(known, known.merge(f))
}

// Improve gives a finding, by its name, a plan that was made smaller. If the plan
// needs fewer kinds of faults than the name says, the finding gets another name:
// its folder goes when the other is complete.
func (c *Corpus) Improve(name string, plan *fault.Plan, sentence string, minimal bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.findings[name]
	better := *known
	better.Plan, better.Faults, better.Sentence, better.Minimal = plan, Signature(plan), sentence, minimal
	if better.Name() == name {
		return c.replace(known, &better)
	}
	if _, err := c.add(&better); err != nil {
		return err
	}
	delete(c.findings, name)
	return files.RemoveDir(c.dir, name)
}

// replace puts a finding in the place of one with the same name.
func (c *Corpus) replace(known, better *Finding) error {
	if err := c.update(known, better); err != nil {
		return fmt.Errorf("keeping what is new of the finding %s: %w", known.Name(), err)
	}
	c.findings[known.Name()] = better
	return nil
}

func (c *Corpus) create(f *Finding) error {
	content := map[string][]byte{findingFile: f.encode(), planFile: f.Plan.Encode()}
	if f.Output != "" {
		content[outputFile] = []byte(f.Output)
	}
	return files.WriteDir(c.dir, f.Name(), content)
}

// update writes the plan before the finding: each fits the other's old and new
// version.
func (c *Corpus) update(known, better *Finding) error {
	folder := filepath.Join(c.dir, known.Name())
	if better.Plan != known.Plan {
		if err := files.Write(filepath.Join(folder, planFile), better.Plan.Encode()); err != nil {
			return err
		}
	}
	return files.Write(filepath.Join(folder, findingFile), better.encode())
}

// PlanPath is where the plan of a finding is.
func PlanPath(dir string, f *Finding) string { return filepath.Join(dir, f.Name(), planFile) }

// readFinding reads the folder of a finding.
func readFinding(folder string) (*Finding, error) {
	path := filepath.Join(folder, findingFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not the folder of a finding: %w", folder, err)
	}
	var form findingForm
	if err := strictjson.Read(path, text, &form, fileOfFinding, nil); err != nil {
		return nil, err
	}
	f := &form.Finding
	if f.Plan, err = fault.ReadFile(filepath.Join(folder, planFile)); err != nil {
		return nil, err
	}
	if f.Name() != filepath.Base(folder) {
		return nil, fmt.Errorf("%s describes the finding %s, which belongs into a folder of that name", path, f.Name())
	}
	return f, nil
}
