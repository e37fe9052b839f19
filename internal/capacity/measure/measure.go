// Package measure is what the commands have in common that measure what servers cost: the CPU of
// processes, what they are told to do, and the file of testdata/capacity that comes of it.
package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Processes are those that are measured: their numbers, by name.
type Processes map[string]int

// CPU returns the CPU seconds that each process has used.
func (p Processes) CPU() map[string]float64 {
	used := map[string]float64{}
	for process, pid := range p {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it is gone, which the next request says
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+2:]))
		for _, ticks := range fields[11:13] { // user and system, in hundredths
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				continue // the kernel writes numbers
			}
			used[process] += n / 100
		}
	}
	return used
}

// Idle returns what each process uses in a second in which it is asked nothing.
func (p Processes) Idle() (map[string]float64, error) {
	const long = 10 * time.Second
	before := p.CPU()
	time.Sleep(long)
	idle := map[string]float64{}
	for process, now := range p.CPU() {
		idle[process] = (now - before[process]) / long.Seconds()
	}
	if len(idle) != len(p) {
		return nil, errors.New("a process is not there")
	}
	return idle, nil
}

// During returns what each process uses for some work, beside what it uses anyway.
func (p Processes) During(idle map[string]float64, work func() error) (map[string]float64, error) {
	before, begun := p.CPU(), time.Now()
	err := work()
	passed := time.Since(begun).Seconds()
	used := map[string]float64{}
	for process, now := range p.CPU() {
		used[process] = now - before[process] - idle[process]*passed
	}
	return used, err
}

// Hearing is what watchers have heard.
type Hearing struct {
	wanted        int
	events, bytes atomic.Int64
}

// NewHearing returns that of watchers who are to hear so much.
func NewHearing(wanted int) *Hearing { return &Hearing{wanted: wanted} }

// Event notes an event of a size.
func (h *Hearing) Event(size int) {
	h.bytes.Add(int64(size))
	h.events.Add(1)
}

// All waits until all has been heard.
func (h *Hearing) All() error {
	for end := time.Now().Add(2 * time.Minute); int(h.events.Load()) < h.wanted; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("of %d events %d were heard in two minutes", h.wanted, h.events.Load())
		}
	}
	return nil
}

// Size is that of an event, in the mean.
func (h *Hearing) Size() int {
	if h.events.Load() == 0 {
		return 0
	}
	return int(h.bytes.Load() / h.events.Load())
}
