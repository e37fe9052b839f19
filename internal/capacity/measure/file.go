package measure

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/capacity"
)

// NewFile begins the file of a measurement that begins now, of servers with their versions.
func NewFile(servers []string) capacity.File {
	return capacity.File{
		Version: new(capacity.Version), Date: time.Now().UTC().Format(time.DateOnly), Servers: servers,
		Machine: capacity.Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: firstLine("/proc/sys/kernel/osrelease"), Go: runtime.Version(), LoadBefore: load()},
	}
}

// Write ends the measurement, and writes its file, if that can be read again.
func Write(f *capacity.File, out string) error {
	f.Machine.LoadAfter = load()
	raw := f.Indented()
	if _, err := capacity.Read(out, raw); err != nil {
		return err
	}
	return os.WriteFile(out, raw, 0o644)
}

// Samples are figures of several rounds.
type Samples struct{ all []sample }

type sample struct {
	figure capacity.Figure
	rounds []float64
}

// Add adds what a round has found; bytes is the size of an event, or zero.
func (s *Samples) Add(process, what, unit string, bytes int, found float64) {
	for i := range s.all {
		if f := &s.all[i].figure; f.Process == process && f.What == what {
			f.Bytes = max(f.Bytes, bytes)
			s.all[i].rounds = append(s.all[i].rounds, found)
			return
		}
	}
	s.all = append(s.all, sample{capacity.Figure{Process: process, What: what, Unit: unit, Bytes: bytes}, []float64{found}})
}

// Figures returns them with their spread, in order.
func (s *Samples) Figures() (figures []capacity.Figure) {
	for _, one := range s.all {
		f, rounds := one.figure, slices.Sorted(slices.Values(one.rounds))
		f.Median, f.Least, f.Most, f.Rounds = round(rounds[len(rounds)/2]), round(rounds[0]), round(rounds[len(rounds)-1]), len(rounds)
		figures = append(figures, f)
	}
	slices.SortFunc(figures, func(a, b capacity.Figure) int { return strings.Compare(a.Process+a.What, b.Process+b.What) })
	return figures
}

func round(f float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 3, 64), 64)
	if err != nil {
		return f // cannot be: it was formatted
	}
	return rounded
}

func firstLine(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return line
}

func cpuModel() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(raw), "model name\t: ")
	model, _, _ := strings.Cut(after, "\n")
	return model
}

// load is the load average of a minute.
func load() float64 {
	first, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0 // not a Linux
	}
	return n
}
