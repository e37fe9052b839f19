package fault

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Fault is one thing that goes wrong. Which fields a kind uses is in the
// reference (Specs, simrun faults); the others are zero.
type Fault struct {
	At   Duration `json:"at"`             // since the start of the churn phase
	When *Trigger `json:"when,omitempty"` // if set, the fault begins when this happens, from At on
	Kind Kind     `json:"kind"`

	Target  string   `json:"target,omitempty"`  // the host
	Targets []string `json:"targets,omitempty"` // several hosts, in place of Target
	Peer    string   `json:"peer,omitempty"`    // the other host, for faults of a link

	For      Duration `json:"for,omitempty"`   // how long; it ends at the heal at the latest
	Times    int      `json:"times,omitempty"` // how often, one beginning every Every after the one before: a crash loop; zero: once
	Every    Duration `json:"every,omitempty"`
	Resource string   `json:"resource,omitempty"` // the Kubernetes kind, if only one is concerned
	How      string   `json:"how,omitempty"`      // of what ends: "killed", "silent" or "graceful"
	OneWay   bool     `json:"oneWay,omitempty"`   // only messages from target to peer, or out of targets, are lost
	Empty    bool     `json:"empty,omitempty"`    // the data is gone
	Applied  bool     `json:"applied,omitempty"`  // what is answered with an error is done all the same
	Count    int      `json:"count,omitempty"`    // replicas

	Lag        Duration `json:"lag,omitempty"`        // how far a watch cache is behind its store
	Delay      Duration `json:"delay,omitempty"`      // that something takes longer
	Ahead      Duration `json:"ahead,omitempty"`      // how far a clock jumps
	RetryAfter Duration `json:"retryAfter,omitempty"` // that an answer asks for; whole seconds
	Share      int      `json:"share,omitempty"`      // percent of the requests
	ClusterID  int      `json:"clusterID,omitempty"`  // that a process runs with, in place of the plan's
	Code       int      `json:"code,omitempty"`       // HTTP status
	Bandwidth  int      `json:"bandwidth,omitempty"`  // bytes per second
}

// Kind is a kind of fault.
type Kind string

// Hosts returns the hosts that the fault names, without the peer.
func (f *Fault) Hosts() []string {
	if f.Target != "" {
		return []string{f.Target}
	}
	return f.Targets
}

// Sentence says what the fault does, and on what event it begins if it has a
// trigger.
func (f *Fault) Sentence() string {
	text := string(f.Kind) + " on " + strings.Join(f.Hosts(), ", ")
	if spec, known := specs[f.Kind]; known {
		text = spec.sentence(f)
	}
	if f.Times > 0 {
		text = fmt.Sprintf("%s; %d times, one every %s", text, f.Times, f.Every)
	}
	if f.When != nil {
		text = f.When.String() + ": " + text
	}
	return text
}

// span says how long a fault lasts, in words that follow a verb.
func (f *Fault) span() string {
	if f.For == 0 {
		return "for good"
	}
	return "for " + f.For.String()
}

// hosts is a list of the fault's hosts for a sentence.
func (f *Fault) hosts() string {
	all := f.Hosts()
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// How a process or its host can end.
const (
	Killed   = "killed"   // its connections are closed by the kernel
	Silent   = "silent"   // its node is gone: nobody is told
	Graceful = "graceful" // it is asked to stop, and may use its grace period
)

// mostBytes is the most that a plan's file may have: a plan of all that the form allows
// has less.
const mostBytes = 256 << 20

// ReadFile reads and validates the plan in a file. Its errors are one sentence
// with the file, the line, the field and what would be right.
func ReadFile(file string) (*Plan, error) {
	data, err := files.Read(file, mostBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read the plan: %w", file, err)
	}
	return Read(file, data)
}

// Read reads and validates a plan in its file form. The name stands for the file
// in errors, which are as those of ReadFile. Fields that a plan does not have,
// fields given twice and text after the plan are refused.
func Read(name string, data []byte) (*Plan, error) {
	plan := new(Plan)
	if err := strictjson.Read(name, data, plan, form, func() *flaw { return validate(plan) }); err != nil {
		return nil, err
	}
	return plan, nil
}

// Validate says what makes the plan impossible to run: nil, or one sentence with
// the field and what would be right. Read has validated what it returns.
func (p *Plan) Validate() error {
	if flaw := validate(p); flaw != nil {
		return flaw
	}
	return nil
}

// A flaw is what is wrong with a field.
type flaw = strictjson.Flaw

func flawf(path, format string, args ...any) *flaw { return strictjson.Flawf(path, format, args...) }

// form is what a plan's file holds.
var form = strictjson.Form{
	What: "plan", How: "simrun -seed 1 -write-plan FILE writes one", Version: Version, Raw: "a Kubernetes object",
	Text: map[reflect.Type]string{reflect.TypeFor[Duration](): `a duration as text, such as "12.5s"`},
}

// Encode returns the file form: indented JSON with one pod, op, fault or object
// to a line, so that a difference between two plans is a difference of lines.
// Read gives the same plan back.
func (p *Plan) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"version\": %d,\n  \"seed\": %d,\n  \"mode\": %s,\n\n", p.Version, p.Seed, strictjson.Line(p.Mode))
	fmt.Fprintf(&b, "  \"topology\": %s,\n  \"network\": %s,\n  \"options\": %s,\n", strictjson.Line(p.Topology), strictjson.Line(p.Network), strictjson.Line(p.Options))
	if p.Capacity != nil {
		fmt.Fprintf(&b, "  \"capacity\": %s,\n", strictjson.Line(p.Capacity))
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  \"churn\": %s,\n  \"settle\": %s", strictjson.Line(p.Churn), strictjson.Line(p.Settle))
	if len(p.Promise) > 0 {
		fmt.Fprintf(&b, ",\n  \"promise\": %s", strictjson.Line(p.Promise))
	}
	writeList(&b, "nodes", p.Nodes)
	writeList(&b, "pods", p.Pods)
	writeList(&b, "services", p.Services)
	writeList(&b, "policies", p.Policies)
	writeList(&b, "ops", p.Ops)
	writeList(&b, "faults", p.Faults)
	writeList(&b, "stalls", p.Stalls)
	writeList(&b, "objects", p.Objects)
	b.WriteString("\n}\n")
	return b.Bytes()
}

// Line returns the plan as one line of JSON without a line end, which is how a
// history carries it. Read gives the same plan back.
func (p *Plan) Line() string { return string(strictjson.Line(p)) }

func writeList[T any](b *bytes.Buffer, name string, list []T) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, ",\n\n  %q: [", name)
	for i, element := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n    %s", strictjson.Line(element))
	}
	b.WriteString("\n  ]")
}
