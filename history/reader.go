package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Read reads a complete history and verifies its count and hash. It refuses a
// file that is not exactly of the documented form, with one sentence that names
// the line.
func Read(r io.Reader) (*History, error) {
	file, err := readAll(r)
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, bytes.Count(file, []byte("\n")))
	h, err := scan(file, func() *Record {
		records = records[:len(records)+1] // there is room for every line
		return &records[len(records)-1]
	}, nil)
	if err != nil {
		return nil, err
	}
	h.Records = records
	return h, nil
}

// Scan reads a history as [Read] does, and hands on one record after the other in place of
// keeping them. The record is only valid until each returns.
func Scan(file []byte, each func(*Record)) (*History, error) {
	if err := knownForm(file[:min(len(file), len(header)+1)]); err != nil {
		return nil, err
	}
	var two [2]Record // a parser needs the one before
	n := 0
	return scan(file, func() *Record {
		n = 1 - n
		two[n] = Record{}
		return &two[n]
	}, each)
}

func scan(file []byte, next func() *Record, each func(*Record)) (*History, error) {
	in := &lines{rest: file}
	h := &History{}
	if err := readHead(in, h); err != nil {
		return nil, err
	}
	p := newParser()
	for count := 0; ; count++ {
		before := file[:len(file)-len(in.rest)]
		line, ok := in.next()
		switch {
		case !ok:
			return nil, truncated(in)
		case bytes.HasPrefix(line, []byte(endPrefix)):
			h.Hash = hashOf(before)
			if err := readEnd(in, line, count, h); err != nil {
				return nil, err
			}
			return h, nil
		}
		r := next()
		if err := p.parse(line, r); err != nil {
			return nil, fmt.Errorf("history: line %d: %w", in.number, err)
		}
		if each != nil {
			each(r)
		}
	}
}

// readAll reads a file, but no more than its first line if that is not a
// history's.
func readAll(r io.Reader) ([]byte, error) {
	var file bytes.Buffer
	if _, err := io.CopyN(&file, r, int64(len(header)+1)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("history: reading: %w", err)
	}
	if err := knownForm(file.Bytes()); err != nil {
		return nil, err
	}
	if _, err := file.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("history: reading: %w", err)
	}
	return file.Bytes(), nil
}

// knownForm looks at the first line of a file.
func knownForm(first []byte) error {
	version, ok := bytes.CutPrefix(first, []byte(headerName))
	switch {
	case !ok:
		return fmt.Errorf("history: not a history file: line 1 should be %q", header)
	case len(version) != 2 || version[0] < '1' || version[0] > '0'+Version || version[1] != '\n':
		return fmt.Errorf("history: version %s of the file form is not known; this reader knows versions 1 to %d", excerpt(bytes.TrimSuffix(version, []byte("\n"))), Version)
	}
	return nil
}

func readHead(in *lines, h *History) error {
	line, _ := in.next() // knownForm has verified it
	h.Version = int(line[len(line)-1] - '0')
	line, ok := in.next()
	if !ok {
		return truncated(in)
	}
	plan, ok := bytes.CutPrefix(line, []byte(planPrefix))
	if !ok || !json.Valid(plan) {
		return fmt.Errorf(`history: line 2: %s should be "plan" and one line of JSON`, excerpt(line))
	}
	h.Plan = string(plan)
	return nil
}

func truncated(in *lines) error {
	return fmt.Errorf("history: the file ends after line %d without an end line: it is truncated", in.number)
}

func readEnd(in *lines, line []byte, records int, h *History) error {
	count, sum, ok := strings.Cut(strings.TrimPrefix(string(line), endPrefix+"records="), " sha256=")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || len(sum) != 2*sha256.Size {
		return fmt.Errorf(`history: line %d: %s should be "end records=<number> sha256=<64 hexadecimal digits>"`, in.number, excerpt(line))
	}
	if n != records {
		return fmt.Errorf("history: line %d: the end line counts %d records, but the file holds %d", in.number, n, records)
	}
	if sum != h.Hash {
		return fmt.Errorf("history: line %d: the end line's sha256 is %s, but that of the lines above is %s: the file was changed", in.number, excerpt([]byte(sum)), h.Hash)
	}
	if len(in.rest) > 0 {
		return fmt.Errorf("history: line %d: nothing may follow the end line", in.number)
	}
	return nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// lines gives the lines of a file.
type lines struct {
	rest   []byte
	number int // of the last line given, from 1
}

// next returns the next line without its end. What has no end is no line.
func (l *lines) next() ([]byte, bool) {
	i := bytes.IndexByte(l.rest, '\n')
	if i < 0 {
		return nil, false
	}
	line := l.rest[:i]
	l.rest = l.rest[i+1:]
	l.number++
	return line, true
}
