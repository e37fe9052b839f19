package known

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/repairs"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Version is the version of the file form of an Outcome that is kept.
const Version = 1

// Outcome is what came of a run.
type Outcome struct {
	repairs.Outcome
	Failed string `json:"failed,omitempty"` // how the worker failed, if not by a panic of the code under test: the run decides nothing
}

// kept is the file form.
type kept struct {
	Version int `json:"version"`
	Outcome
}

// Kept keeps what came of runs, a file each, so that no plan runs twice with one worker.
// Several processes may use a directory at once. The zero value keeps nothing.
type Kept struct {
	Dir     string
	Program string // a hash of what judges histories: another one judges them again

	mu    sync.Mutex
	known map[string]*Outcome
}

// keptFor is how long a folder of outcomes is kept after it was last written to, and
// keptBytes how much of all of them.
const (
	keptFor   = 30 * 24 * time.Hour
	keptBytes = 256 << 20
)

// OpenKept keeps outcomes in the user's cache directory: a folder for each program and worker.
func OpenKept(program string) (*Kept, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no cache directory to keep outcomes of runs in: %w", err)
	}
	k := &Kept{Dir: filepath.Join(base, "meshcheck", "outcomes"), Program: program}
	files.Prune(k.Dir, keptFor, keptBytes) // what cannot be removed stays
	return k, nil
}

// place is the file of a run.
func (k *Kept) place(w repairs.Worker, plan *fault.Plan) string {
	of := sha256.Sum256([]byte(k.Program + "\n" + w.Hash))
	run := sha256.Sum256([]byte(plan.Line()))
	return filepath.Join(k.Dir, fmt.Sprintf("%x", of[:8]), fmt.Sprintf("%x.json", run[:16]))
}

// Run runs a plan, if it is not known what comes of it.
func (k *Kept) Run(ctx context.Context, w repairs.Worker, plan *fault.Plan) (*Outcome, error) {
	if o := k.read(k.place(w, plan)); o != nil {
		return o, nil
	}
	run, err := w.Runner.Run(ctx, plan)
	return k.Keep(ctx, w, plan, run, err)
}

// Keep keeps what came of a run. Its error is not about what was run.
func (k *Kept) Keep(ctx context.Context, w repairs.Worker, plan *fault.Plan, run *drive.Judged, failed error) (*Outcome, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	o := new(Outcome)
	var err error
	o.Outcome, err = repairs.OutcomeOf(run, failed)
	var failure *det.Failure
	switch {
	case errors.As(err, &failure):
		o.Failed = failure.Message
		return o, nil // not kept: a machine that is busy or full may be the reason
	case err != nil:
		return nil, err
	case k.Dir == "":
		return o, nil
	}
	place := k.place(w, plan)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remember(place, o)
	data, err := json.Marshal(kept{Version, *o})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(place), 0o777)
	}
	if err == nil {
		err = files.Write(place, data)
	}
	return o, err
}

// remember is called with the lock held.
func (k *Kept) remember(place string, o *Outcome) {
	if k.known == nil {
		k.known = map[string]*Outcome{}
	}
	k.known[place] = o
}

// read returns what is kept; nil if nothing is, or nothing that this program reads.
func (k *Kept) read(place string) *Outcome {
	if k.Dir == "" {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.known[place]; o != nil {
		return o
	}
	data, err := os.ReadFile(place)
	var form kept
	if err != nil || json.Unmarshal(data, &form) != nil || form.Version != Version {
		return nil
	}
	k.remember(place, &form.Outcome)
	return &form.Outcome
}
