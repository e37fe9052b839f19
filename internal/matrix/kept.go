package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/meshcheck/meshcheck/internal/files"
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
	Version int    `json:"version"` // of the file form
	Worker  string `json:"worker"`  // hash of the program that ran
	Family  string `json:"family"`  // of which plans
}

// KeptVersion is the version of the form of Kept's file.
const KeptVersion = 1

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
	whole, err := k.read(path, data)
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

// Close ends the writing.
func (k *Kept) Close() error { return k.file.Close() }

// read reads a file and returns how many bytes of it are whole lines.
func (k *Kept) read(path string, data []byte) (whole int64, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for n := 1; lines.Scan(); n++ {
		if whole+int64(len(lines.Bytes())) == int64(len(data)) {
			return whole, nil // no line end: cut off
		}
		if n == 1 {
			err = k.first(lines.Bytes())
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

func (k *Kept) first(line []byte) error {
	var of Of
	switch err := strict(line, &of); {
	case err != nil:
		return fmt.Errorf("this is not a file of simrun matrix (%w); -o takes a directory that it wrote, or a new one", err)
	case of.Version != KeptVersion:
		return fmt.Errorf("the file has version %d, and this program reads %d; -o takes another directory", of.Version, KeptVersion)
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
