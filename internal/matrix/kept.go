package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// Kept is the file in which a matrix keeps what its runs showed: a line of JSON that says
// of what they are, and one for each run, in the order in which they ended. It is written
// as the runs end, so that nothing is lost with the process.
type Kept struct {
	Of    Of
	file  *os.File
	cells map[run]*Cell
}

// Of is what runs must have in common to stand in one table.
type Of struct {
	Version int          `json:"version"`        // of the file form
	Worker  string       `json:"worker"`         // hash of the program that ran
	Family  string       `json:"family"`         // of which plans
	Code    *report.Code `json:"code,omitempty"` // what the worker is built from
}

// KeptVersion is the version of the form of Kept's file. Version 1, which is read but not
// written, has neither the code, nor the load over time, nor the sentences of violations.
const KeptVersion = 2

const keptFile = "runs.jsonl"

// Open opens the file in a directory, which exists, or begins it. A file of other runs is
// refused. The last line may be cut off, by a process that was killed: that run is made again.
func Open(dir string, of Of) (*Kept, error) {
	of.Version = KeptVersion
	path := filepath.Join(dir, keptFile)
	k := &Kept{Of: of, cells: map[run]*Cell{}}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0:
		first, err := json.Marshal(of)
		if err != nil {
			return nil, err
		}
		data = append(first, '\n')
		if err := files.Write(path, data); err != nil {
			return nil, fmt.Errorf("%s: %w", path, files.Plain(err))
		}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, files.Plain(err))
	}
	whole, err := k.read(path, data, k.suits)
	if err != nil {
		return nil, err
	}
	if k.file, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, files.Plain(err))
	}
	if err := k.file.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = k.file.Seek(whole, 0)
	return k, err
}

// Read reads the file in a directory, to look at what is there; nothing can be added to it.
func Read(dir string) (*Kept, error) {
	path := filepath.Join(dir, keptFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no run is kept there; simrun matrix -o %s makes some", path, dir)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, files.Plain(err))
	}
	k := &Kept{cells: map[run]*Cell{}}
	if _, err := k.read(path, data, func(of Of) error {
		if of.Version < 1 || of.Version > KeptVersion {
			return fmt.Errorf("the file has version %d, and this program reads 1 to %d", of.Version, KeptVersion)
		}
		k.Of = of
		return nil
	}); err != nil {
		return nil, err
	}
	if len(k.cells) == 0 {
		return nil, fmt.Errorf("%s: no run is kept there", path)
	}
	return k, nil
}

// Modes are those of which runs are kept, in the order of all modes.
func (k *Kept) Modes() (names []string) {
	there := map[string]bool{}
	for r := range k.cells {
		there[r.mode] = true
	}
	for _, name := range mode.Variants() {
		if there[name] {
			names = append(names, name)
		}
	}
	return names
}

// Seeds are those of the runs that are kept, from the first to the last.
func (k *Kept) Seeds() drive.Seeds {
	seeds := drive.Seeds{First: math.MaxUint64}
	for r := range k.cells {
		seeds.First, seeds.Last = min(seeds.First, r.seed), max(seeds.Last, r.seed)
	}
	return seeds
}

// Close ends the writing.
func (k *Kept) Close() error { return k.file.Close() }

// read reads a file and returns how many bytes of it are whole lines.
func (k *Kept) read(path string, data []byte, suits func(Of) error) (whole int64, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for n := 1; lines.Scan(); n++ {
		if whole+int64(len(lines.Bytes())) == int64(len(data)) {
			return whole, nil // no line end: cut off
		}
		if n == 1 {
			err = first(lines.Bytes(), suits)
		} else {
			err = k.line(lines.Bytes())
		}
		if err != nil {
			return 0, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		whole += int64(len(lines.Bytes())) + 1
	}
	return whole, lines.Err()
}

func first(line []byte, suits func(Of) error) error {
	var of Of
	if err := strict(line, &of); err != nil {
		return fmt.Errorf("this is not a file of simrun matrix (%w); -o takes a directory that it wrote, or a new one", err)
	}
	return suits(of)
}

// suits says why runs of that cannot be gone on with.
func (k *Kept) suits(of Of) error {
	switch {
	case of.Version != KeptVersion:
		return fmt.Errorf("the file has version %d, and this program writes %d; -o takes another directory", of.Version, KeptVersion)
	case of.Family != k.Of.Family:
		return fmt.Errorf("these runs are of %s and not of %s; -o takes another directory", of.Family, k.Of.Family)
	case of.Worker != k.Of.Worker:
		return fmt.Errorf("these runs are of another worker, %s and not %s; -o takes another directory", of.Worker, k.Of.Worker)
	}
	return nil
}

func (k *Kept) line(line []byte) error {
	var c Cell
	if err := strict(line, &c); err != nil {
		return fmt.Errorf("this is no run (%w); remove the line, and the run is made again", err)
	}
	k.cells[run{c.Mode, c.Seed}] = &c
	return nil
}

func strict(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (k *Kept) has(mode string, seed uint64) bool { return k.cells[run{mode, seed}] != nil }

// add keeps a run.
func (k *Kept) add(c *Cell) error {
	k.cells[run{c.Mode, c.Seed}] = c
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := k.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keeping a run in %s: %w", k.file.Name(), files.Plain(err))
	}
	return nil
}
