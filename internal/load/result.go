package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Result is what is kept of a run: small, and enough for every table.
type Result struct {
	Form int    `json:"form"` // its version
	Name string `json:"name"`
	Of   string `json:"of"` // hash of the worker and the plan
	Shape
	Code map[string]string `json:"code"`

	Trace   string        `json:"trace"` // hash of the history
	Records int           `json:"records"`
	Virtual time.Duration `json:"virtualNanoseconds"`
	Wall    time.Duration `json:"wallNanoseconds"` // of the worker
	CPU     time.Duration `json:"cpuNanoseconds"`
	Memory  int64         `json:"peakMemoryBytes"`

	Asked      int                           `json:"operationsAsked"`
	Done       int                           `json:"operationsDone"`
	Costs      []*Cost                       `json:"costs"`
	Create     checker.Measure               `json:"created"`
	Reach      checker.Measure               `json:"reached"`
	Lag        map[mode.Role]checker.Measure `json:"lag"`
	MostBehind map[mode.Role]int             `json:"mostBehind"`
	Drained    map[mode.Role]time.Duration   `json:"drainedNanoseconds"`      // from the last planned operation until all have caught up
	Busy       map[string][]float64          `json:"busyCores,omitempty"`     // of each server, in equal parts of the run, by prices
	Database   map[string]int64              `json:"databaseBytes,omitempty"` // of each etcd, at most, as it says
	Storm      *StormResult                  `json:"storm,omitempty"`         // of a load in which a fault strikes
}

// StormResult is what is kept of a [Storm].
type StormResult struct {
	Synced  checker.Measure `json:"synced"`
	Asked   int             `json:"asked"`
	Lists   int             `json:"lists"`
	Bytes   int64           `json:"bytes"`
	Missing int             `json:"missing"`
}

// ResultForm is the version of a result's form.
const ResultForm = 1

// Runner runs a plan and gives its history in the file form.
type Runner interface {
	Execute(ctx context.Context, plan *fault.Plan) (result *det.Result, reruns int, err error)
}

// A Run is one of those that a load consists of.
type Run struct {
	Name string // of its file
	Shape
}

// Config says how runs are made.
type Config struct {
	Runner  func(Run) Runner // of one run
	Worker  string           // hash of the program that runs
	Code    map[string]string
	Dir     string                  // where results are kept
	OnCount func(Run, *Count) error // if non-nil, of runs that are made
}

// Make returns the result of a run: the one that is kept, if it is of this worker and this
// plan, or else of a run that is made now.
func (cfg *Config) Make(ctx context.Context, run Run) (*Result, error) {
	plan := run.Plan()
	sum := sha256.Sum256([]byte(cfg.Worker + "\n" + plan.Line()))
	of, path := hex.EncodeToString(sum[:8]), filepath.Join(cfg.Dir, run.Name+".json")
	kept, err := ReadResult(path)
	switch {
	case err == nil && kept.Of == of:
		return kept, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	result, _, err := cfg.Runner(run).Execute(ctx, plan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.Name, err)
	}
	count, err := CountFile(result.History)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.Name, err)
	}
	if err := count.Hear(result.Metrics); err != nil {
		return nil, fmt.Errorf("%s: %w", run.Name, err)
	}
	if cfg.OnCount != nil {
		if err := cfg.OnCount(run, count); err != nil {
			return nil, err
		}
	}
	r := &Result{
		Form: ResultForm, Name: run.Name, Of: of, Shape: run.Shape, Code: cfg.Code, Trace: count.Hash, Records: count.Records, Virtual: count.End,
		Wall: result.Wall, CPU: result.CPU, Memory: result.PeakMemory,
		Asked: len(plan.Ops), Done: count.Done - count.Late, Costs: count.Costs, Create: count.Create.Measure(), Reach: count.Reach.Measure(),
		Lag: map[mode.Role]checker.Measure{}, MostBehind: count.MostBehind, Drained: map[mode.Role]time.Duration{},
	}
	r.Busy, r.Database = count.Busy, count.Database
	if s := count.Storm; s != nil {
		r.Storm = &StormResult{s.Synced.Measure(), s.Asked, s.Lists, s.Bytes, s.Missing}
	}
	last := count.Churn + plan.Ops[len(plan.Ops)-1].At.Std()
	for role, pool := range count.Lag {
		r.Lag[role] = pool.Measure()
		r.Drained[role] = max(0, count.CaughtUp[role]-last)
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	return r, files.Write(path, append(data, '\n'))
}

// ReadResult reads the file of a result.
func ReadResult(path string) (*Result, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Result)
	switch err := json.Unmarshal(data, r); {
	case err != nil:
		return nil, fmt.Errorf("%s: this is not the result of a load: %w", path, err)
	case r.Form != ResultForm:
		return nil, fmt.Errorf("%s: version %d of the result of a load is not known; this program reads version %d", path, r.Form, ResultForm)
	}
	return r, nil
}

// sample is what the run cost.
func (r *Result) sample() Sample {
	s := Sample{Runs: 1, Agents: r.Agents, Virtual: r.Virtual, Costs: r.Costs}
	if md, _ := mode.InWorld(r.Mode); md.Runs(mode.Replica) {
		s.Replicas = r.Replicas
	}
	return s
}

// All makes runs, so many at once, and returns their results in the order of the runs. If it
// is interrupted, the results are those that there are.
func (cfg *Config) All(ctx context.Context, runs []Run, parallel int) ([]*Result, error) {
	results := make([]*Result, len(runs))
	err := drive.Each(ctx, func(yield func(int) bool) {
		for i := range runs {
			if !yield(i) {
				return
			}
		}
	}, parallel, func(ctx context.Context, i int) (*Result, error) { return cfg.Make(ctx, runs[i]) },
		func(i int, r *Result) error { results[i] = r; return nil })
	return results, err
}
