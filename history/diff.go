package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Difference is the first line in which two history files differ.
type Difference struct {
	Line int    // from 1
	A, B string // the lines with their ends; empty where a file has ended
}

// String shows both lines.
func (d Difference) String() string {
	return fmt.Sprintf("line %d:\n- %q\n+ %q", d.Line, d.A, d.B)
}

// Diff returns the first line in which a and b differ, or nil if they are the
// same. It compares lines as they are: the files need not be valid.
func Diff(a, b io.Reader) (*Difference, error) {
	bufA, bufB := bufio.NewReader(a), bufio.NewReader(b)
	for n := 1; ; n++ {
		lineA, err := lineOrEnd(bufA)
		if err != nil {
			return nil, err
		}
		lineB, err := lineOrEnd(bufB)
		if err != nil {
			return nil, err
		}
		if lineA != lineB {
			return &Difference{Line: n, A: lineA, B: lineB}, nil
		}
		if lineA == "" {
			return nil, nil
		}
	}
}

// lineOrEnd returns the next line with its end, or "" at the end of r.
func lineOrEnd(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("history: reading: %w", err)
	}
	return line, nil
}
