package repairs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Outcome is what a run of a plan broke.
type Outcome struct {
	Broke     []Broken `json:"broke,omitempty"`
	Undecided []string `json:"undecided,omitempty"` // properties, which is no pass
	Crash     string   `json:"crash,omitempty"`     // the output of a worker that ended by a panic of the code under test
}

// Broken is what is broken on one kind of object, with the first violation.
type Broken struct {
	Property string `json:"property"`
	Kind     string `json:"kind,omitempty"`
	Cause    string `json:"cause,omitempty"` // the known mechanism, as the records prove it
	Promised bool   `json:"promised"`        // by the mode
	First    string `json:"first"`
}

// breaks tells whether the run broke what a plan is to show.
func (o Outcome) breaks(s Show) bool {
	if s.Crashes != "" {
		return bytes.Contains([]byte(o.Crash), []byte(s.Crashes))
	}
	return slices.ContainsFunc(o.Broke, func(b Broken) bool { return slices.Contains(s.Breaks, b.Property) })
}

// leavesOpen tells whether the run says nothing about what a plan is to show: it ended
// before its end, or its views were not judged to converge. That a property had nothing to
// judge beside views that did is no reason: that nothing is lost is what a repair is for.
func (o Outcome) leavesOpen(s Show) bool {
	return o.Crash != "" && s.Crashes == "" || slices.Contains(o.Undecided, "convergence")
}

// Promises tells whether the run broke nothing that the mode promises.
func (o Outcome) Promises() bool {
	return o.Crash == "" && !slices.ContainsFunc(o.Broke, func(b Broken) bool { return b.Promised })
}

// Kept runs plans, each once for a worker: what is known of a run stands in a file, so
// that the same work goes on where it was interrupted. The zero Kept keeps nothing.
type Kept struct {
	mu    sync.Mutex
	known map[string]Outcome
	file  *os.File
}

// keptRun is a line of the file.
type keptRun struct {
	Run string `json:"run"` // a hash of the worker and the plan
	Outcome
}

// Open reads what is kept in a file and adds to it from now on. A line that was cut off is
// dropped.
func Open(name string) (*Kept, error) {
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	k := &Kept{known: map[string]Outcome{}}
	whole := bytes.LastIndexByte(data, '\n') + 1
	decoder := json.NewDecoder(bytes.NewReader(data[:whole]))
	for {
		var line keptRun
		if err := decoder.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s is not a file of runs that simrun repairs -o has written: %w", name, err)
		}
		k.known[line.Run] = line.Outcome
	}
	if k.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666); err != nil {
		return nil, err
	}
	if err := k.file.Truncate(int64(whole)); err != nil {
		return nil, err
	}
	_, err = k.file.Seek(int64(whole), io.SeekStart)
	return k, err
}

// Close closes the file.
func (k *Kept) Close() error {
	if k.file == nil {
		return nil
	}
	return k.file.Close()
}

// Worker runs plans and is known by a hash of what it is built from.
type Worker struct {
	Runner drive.Runner
	Hash   string
}

// Run runs a plan, if it is not known what comes of it. Its error is that of a worker which
// failed in another way than by a panic of the code under test.
func (k *Kept) Run(ctx context.Context, w Worker, plan *fault.Plan) (Outcome, error) {
	sum := sha256.Sum256([]byte(w.Hash + "\n" + plan.Line()))
	key := hex.EncodeToString(sum[:16])
	k.mu.Lock()
	o, ok := k.known[key]
	k.mu.Unlock()
	if ok {
		return o, nil
	}
	o, err := OutcomeOf(w.Runner.Run(ctx, plan))
	if err != nil {
		return o, fmt.Errorf("seed %d: %w", plan.Seed, err)
	}
	if k.file == nil {
		return o, nil
	}
	line, err := json.Marshal(keptRun{key, o})
	if err != nil {
		return o, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[key] = o
	_, err = k.file.Write(append(line, '\n'))
	return o, err
}

// OutcomeOf is what a run broke. Its error is that of a worker which failed in another way
// than by a panic of the code under test.
func OutcomeOf(run *drive.Judged, err error) (o Outcome, _ error) {
	var failure *det.Failure
	switch {
	case errors.As(err, &failure) && drive.PanicOf(failure.Output) != nil:
		o.Crash = failure.Output
		return o, nil
	case err != nil:
		return o, err
	}
	for _, result := range run.Verdict.Results {
		if result.Outcome == property.Unknown {
			o.Undecided = append(o.Undecided, result.Property)
		}
		for i := range result.Violations {
			v, cause := &result.Violations[i], ""
			if v.Cause != nil {
				cause = v.Cause.Name()
			}
			same := func(b Broken) bool { return b.Property == result.Property && b.Kind == v.Kind && b.Cause == cause }
			if !slices.ContainsFunc(o.Broke, same) {
				o.Broke = append(o.Broke, Broken{result.Property, v.Kind, cause, result.Promised, v.Sentence()})
			}
		}
	}
	return o, nil
}
