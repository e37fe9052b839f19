package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

const (
	headerName = "meshcheck-history "
	header     = headerName + "4" // Version
	planPrefix = "plan "
	endPrefix  = "end "

	blockSize = 64 << 10 // how much is hashed and written at once
)

// Writer writes a history as records come, in constant memory. It starts no
// goroutine and reads no clock, so it may be part of the simulated world.
type Writer struct {
	w       io.Writer
	sum     hash.Hash
	buf     []byte
	records int
	last    time.Duration
	err     error
}

// NewWriter returns a Writer of a history with the plan, one line of JSON. What it
// writes reaches w in blocks.
func NewWriter(w io.Writer, plan string) (*Writer, error) {
	if strings.ContainsAny(plan, "\r\n") || !json.Valid([]byte(plan)) {
		return nil, fmt.Errorf("history: plan %s is not one line of JSON", excerpt([]byte(plan)))
	}
	hw := &Writer{w: w, sum: sha256.New(), buf: make([]byte, 0, blockSize+blockSize/4)}
	hw.buf = append(hw.buf, header+"\n"+planPrefix+plan+"\n"...)
	return hw, nil
}

// Write adds a record. It refuses one that [Read] would refuse: an unknown verb,
// or a time that is before that of the last record or out of range. After an error
// every call returns that error.
func (w *Writer) Write(r *Record) error {
	if w.err != nil {
		return w.err
	}
	if w.err = w.validate(r); w.err != nil {
		return w.err
	}
	w.last = r.At
	w.records++
	w.buf = append(appendRecord(w.buf, r), '\n')
	if len(w.buf) >= blockSize {
		w.flush()
	}
	return w.err
}

func (w *Writer) validate(r *Record) error {
	if r.At < w.last {
		return fmt.Errorf("history: record %d: time %v is before that of the last record, %v; records are in order of time", w.records, r.At, w.last)
	}
	if r.At >= endOfTime || r.From < 0 || r.From >= endOfTime {
		return fmt.Errorf("history: record %d: time %v or from %v is not between 0 and %v", w.records, r.At, r.From, time.Duration(endOfTime))
	}
	if _, ok := verbs[string(r.Verb)]; !ok {
		return fmt.Errorf("history: record %d: unknown verb %s; known are %s", w.records, excerpt([]byte(r.Verb)), knownVerbs)
	}
	return nil
}

func (w *Writer) flush() {
	w.sum.Write(w.buf)
	_, w.err = w.w.Write(w.buf)
	w.buf = w.buf[:0]
}

// Close writes the end line and returns the trace hash. It does not close the
// underlying writer. The Writer must not be used afterwards.
func (w *Writer) Close() (traceHash string, err error) {
	if w.err == nil {
		w.flush()
	}
	if w.err != nil {
		return "", w.err
	}
	traceHash = hex.EncodeToString(w.sum.Sum(nil))
	_, err = fmt.Fprintf(w.w, "%srecords=%d sha256=%s\n", endPrefix, w.records, traceHash)
	return traceHash, err
}
