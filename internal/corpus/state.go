package corpus

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// State is how far a campaign has come. The zero value is the beginning.
type State struct {
	Scenario string   `json:"scenario,omitempty"` // whose family the seeds are of; empty: the swarm
	Mode     string   `json:"mode,omitempty"`     // of their plans; empty: the default one
	Base     uint64   `json:"base"`               // the first seed
	Next     uint64   `json:"next"`               // every seed from the base up to this one is done
	Ahead    []uint64 `json:"ahead,omitempty"`    // seeds beyond, done already; sorted

	Pass     int            `json:"pass"`               // seeds with which every property held
	Fail     int            `json:"fail"`               // with which one was broken
	Unknown  int            `json:"unknown"`            // with which none was broken and one undecided
	NoRun    int            `json:"noRun"`              // whose worker failed
	Virtual  fault.Duration `json:"virtual"`            // time in all these runs
	Elapsed  fault.Duration `json:"elapsed"`            // wall time of the campaigns
	Versions Versions       `json:"versions,omitempty"` // of what ran last
	Marks    []Reached      `json:"markers,omitempty"`  // in the order of the last campaign
}

// Reached says how often a coverage mark was reached.
type Reached struct {
	Mark     string `json:"marker"`
	Sentence string `json:"sentence"`
	Runs     int    `json:"runs"`  // that reached it
	Times    int    `json:"times"` // in all runs
}

// Done is how many seeds were run.
func (s *State) Done() int { return s.Pass + s.Fail + s.Unknown + s.NoRun }

// Finish notes that a seed is done.
func (s *State) Finish(seed uint64) {
	i, found := slices.BinarySearch(s.Ahead, seed)
	if found || seed < s.Next {
		return
	}
	s.Ahead = slices.Insert(s.Ahead, i, seed)
	for len(s.Ahead) > 0 && s.Ahead[0] == s.Next {
		s.Ahead = s.Ahead[1:]
		s.Next++
	}
}

// After returns the first seed from the given one on that is not done.
func (s *State) After(seed uint64) uint64 {
	seed = max(seed, s.Next)
	for {
		if _, done := slices.BinarySearch(s.Ahead, seed); !done {
			return seed
		}
		seed++
	}
}

// Begin makes the campaign begin with a seed of a scenario's family in a mode. What
// was counted stays.
func (s *State) Begin(scenario, mode string, base uint64) {
	s.Scenario, s.Mode, s.Base, s.Next, s.Ahead = scenario, mode, base, base, nil
}

type stateForm struct {
	Version int `json:"version"`
	State
}

var fileOfState = strictjson.Form{What: "state of a campaign", How: "simrun campaign writes one", Version: Version}

// ReadState returns the state of the corpus in a directory, without locking it: the zero
// state if there is none.
func ReadState(dir string) (*State, error) {
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &State{}, nil
	}
	if err != nil {
		return nil, err
	}
	var form stateForm
	if err := strictjson.Read(path, text, &form, fileOfState, nil); err != nil {
		return nil, err
	}
	return &form.State, nil
}

// SaveState writes the state and the summary that follows from it.
func (c *Corpus) SaveState(s *State) error {
	return errors.Join(
		files.Write(filepath.Join(c.dir, stateFile), strictjson.Indented(stateForm{Version, *s})),
		files.Write(filepath.Join(c.dir, summaryFile), []byte(Summary(c.Findings(), s))),
	)
}

// String lists the versions in the order of their names.
func (v Versions) String() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if text != "" {
			text += ", "
		}
		text += name + " " + v[name]
	}
	return text
}
