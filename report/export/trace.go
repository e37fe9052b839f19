package export

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/timeline"
)

// event is a trace event, as ui.perfetto.dev and chrome://tracing read them: "Trace Event
// Format".
type event struct {
	Phase string         `json:"ph"`
	Name  string         `json:"name"`
	Cat   string         `json:"cat,omitempty"`
	TS    float64        `json:"ts"` // microseconds
	Dur   *float64       `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Scope string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// world is the process that has what is of no host.
const world = 1

// tracer writes events, one a line.
type tracer struct {
	out     *bufio.Writer
	first   bool
	threads map[[2]any]int // by process and name
	err     error
}

// Trace writes a run as trace events: hosts are processes, what lasts on them are slices,
// each kind on a thread of its own, records are instants, and the entries of a view that are
// not as they are true are counters.
func Trace(w io.Writer, run *report.Run, x *index.Index) error {
	t := &tracer{out: bufio.NewWriter(w), first: true, threads: map[[2]any]int{}}
	t.out.WriteString(`{"displayTimeUnit":"ms","otherData":`)
	head, err := json.Marshal(map[string]string{"run": run.Name, "trace": run.Hash})
	if err != nil {
		return err
	}
	t.out.Write(head)
	t.out.WriteString(`,"traceEvents":[`)
	l := timeline.Of(x)
	t.name(world, "world")
	pids := map[string]int{"world": world}
	for i, h := range l.Hosts {
		pids[h.Name] = i + 2
		t.name(i+2, strings.TrimSpace(h.Name+" "+h.Role))
	}
	for _, s := range l.Spans {
		t.span(s)
	}
	for host, s := range l.Series {
		for i := range s.At {
			t.write(event{Phase: "C", Name: "entries not as true", TS: micros(s.At[i]), PID: host + 2, Args: map[string]any{"wrong": max(0, s.Wrong[i])}})
		}
	}
	for _, v := range report.Violations(run.Verdict) {
		pid := cmp.Or(pids[v.Agent], pids[v.Client], pids[v.Server], world)
		t.write(event{Phase: "i", Name: "violation: " + v.Property, Cat: "violation", TS: micros(v.At), PID: pid, TID: t.thread(pid, "violations"), Scope: "p", Args: map[string]any{"number": v.Number, "sentence": v.Sentence()}})
	}
	for i := range x.Records {
		r := &x.Records[i]
		pid := cmp.Or(pids[r.Actor], world)
		t.write(event{Phase: "i", Name: string(r.Verb), Cat: "record", TS: micros(r.At), PID: pid, TID: t.thread(pid, "records"), Scope: "t", Args: arguments(i, r)})
	}
	t.out.WriteString("\n]}\n")
	if t.err != nil {
		return t.err
	}
	return t.out.Flush()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// arguments are what a record says, with its line in the history's file.
func arguments(i int, r *history.Record) map[string]any {
	args := map[string]any{"line": i + 3}
	for _, f := range []struct{ name, value string }{{"kind", r.Kind}, {"key", r.Key}, {"value", r.Value}, {"op", r.Op}, {"owner", r.Owner}, {"peer", r.Peer}, {"store", r.Store}, {"end", r.End}, {"err", r.Err}, {"ask", r.Ask}, {"source", r.Source}} {
		if f.value != "" {
			args[f.name] = f.value
		}
	}
	for _, f := range []struct {
		name  string
		value int64
	}{{"rv", r.RV}, {"rev", r.Rev}, {"inc", int64(r.Inc)}, {"session", r.Session}, {"id", r.ID}, {"bytes", r.Bytes}} {
		if f.value != 0 {
			args[f.name] = f.value
		}
	}
	if r.More {
		args["more"] = true
	}
	if r.From != 0 {
		args["from"] = micros(r.From) // as all times of the trace
	}
	return args
}

// span writes what lasts. Slices of one thread must not overlap in part, so that each fault
// has a thread of its own, and each kind of process.
func (t *tracer) span(s timeline.Span) {
	pid, thread, name := s.Host+2, s.What, s.Name
	switch s.What {
	case timeline.Process:
		thread = s.Name
	case timeline.Session:
		thread, name = "sessions", fmt.Sprintf("%s, session %d", s.Name, s.Number)
	case timeline.Fault:
		thread = fmt.Sprintf("fault %d", s.Number)
	}
	if s.Host < 0 {
		pid = world
	}
	lasts := micros(s.To - s.From)
	args := map[string]any{}
	if s.Note != "" {
		args["note"] = s.Note
	}
	t.write(event{Phase: "X", Name: name, Cat: s.What, TS: micros(s.From), Dur: &lasts, PID: pid, TID: t.thread(pid, thread), Args: args})
}

// name names a process.
func (t *tracer) name(pid int, name string) {
	t.write(event{Phase: "M", Name: "process_name", PID: pid, Args: map[string]any{"name": name}})
	t.write(event{Phase: "M", Name: "process_sort_index", PID: pid, Args: map[string]any{"sort_index": pid}})
}

// thread is the number of a process's thread, which is named when it is first used.
func (t *tracer) thread(pid int, name string) int {
	key := [2]any{pid, name}
	tid, known := t.threads[key]
	if !known {
		tid = len(t.threads) + 1
		t.threads[key] = tid
		t.write(event{Phase: "M", Name: "thread_name", PID: pid, TID: tid, Args: map[string]any{"name": name}})
	}
	return tid
}

func (t *tracer) write(e event) {
	line, err := json.Marshal(e)
	if err != nil && t.err == nil {
		t.err = err
	}
	if !t.first {
		t.out.WriteByte(',')
	}
	t.first = false
	t.out.WriteByte('\n')
	t.out.Write(line)
}
