package fault

import (
	"fmt"
	"strings"
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
