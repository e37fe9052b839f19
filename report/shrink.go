package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault/shrink"
	"github.com/meshcheck/meshcheck/internal/text"
)

// Shrunk is what came of making a plan smaller that breaks a property.
type Shrunk struct {
	Name    string // what was shrunk: "seed 7", or a file
	Finding checker.Finding
	Others  []checker.Finding // that the given plan shows too, and that were not followed

	Chosen string // why this finding is followed, if nobody named its property

	Before, After shrink.Size
	Run           *Run              // of the shrunk plan
	Violation     checker.Violation // the finding's first instance in it

	Elapsed time.Duration // wall time
	Runs    int           // of workers, whatever came of them
	Failed  int           // of these, those that gave no history to judge; they do not count as the finding
	Minimal bool          // nothing more can be left out or simplified
	Note    string        // if not empty, why the search ended before that
	Replays Replays

	File     string // that the plan was written to
	Commands []Command
}

// Replays says whether the shrunk plan was seen to give the same history again.
type Replays string

// What is known of a plan's replay.
const (
	Replayed  Replays = "yes"      // two more processes gave the same history
	Differs   Replays = "no"       // one of them did not
	NotTested Replays = "untested" // interrupted, or the worker's runtime is not the deterministic one
)

// WriteText writes the shrunk plan, what it breaks, and what it took.
func (s *Shrunk) WriteText(w io.Writer, style Style) error {
	if err := WritePlan(w, &Run{Name: s.Name + ", shrunk", Plan: s.Run.Plan}, style); err != nil {
		return err
	}
	out := NewOutput(w, style)
	out.Row("\nbreaks      ", "%s, at %.3fs: %s", s.Finding, s.Violation.At.Seconds(), s.Violation.Sentence())
	if len(s.Others) > 0 {
		names := make([]string, len(s.Others))
		for i, f := range s.Others {
			names[i] = f.String()
		}
		chosen := s.Finding.String() + " was asked for"
		if s.Chosen != "" {
			chosen = s.Finding.String() + " is followed: " + s.Chosen
		}
		out.Row("not followed: ", "the given plan breaks %s too; %s; -property and -kind choose", strings.Join(names, ", "), chosen)
	}
	out.Row("\nsize        ", "%s", changes(s.Before, s.After))
	ended := "nothing more can be left out or simplified"
	if !s.Minimal {
		ended = s.Note
	}
	out.Row("search      ", "%s runs in %s; %s", text.Thousands(s.Runs), text.Rounded(s.Elapsed), ended)
	if s.Failed > 0 {
		out.Row("failed      ", "%s of the runs gave no history, which does not count as the finding", text.Thousands(s.Failed))
	}
	out.Row("replays     ", "%s", s.replays())
	if s.Run.Code != nil {
		out.Row("of          ", "%s", s.Run.Code)
	}
	if s.File != "" {
		out.Row("plan        ", "%s", s.File)
	}
	for _, command := range s.Commands {
		out.Command(fmt.Sprintf("%-11s ", command.Purpose), command.Line)
	}
	return out.Flush()
}

func (s *Shrunk) replays() string {
	switch s.Replays {
	case Replayed:
		return "bit for bit: three processes gave the trace sha256 " + s.Run.Hash
	case Differs:
		return "NO: another process gave another history; this is an error of the harness"
	}
	return "not tested"
}

// changes tells in one line what became smaller.
func changes(before, after shrink.Size) string {
	text := fmt.Sprintf("%s decisions to %s", text.Thousands(before.Decisions()), text.Thousands(after.Decisions()))
	for _, part := range []struct {
		noun          string
		before, after int
	}{
		{"faults", before.Faults, after.Faults}, {"ops", before.Ops, after.Ops}, {"pods", before.Pods, after.Pods},
		{"objects", before.Objects, after.Objects}, {"agents", before.Agents, after.Agents}, {"replicas", before.Replicas, after.Replicas},
		{"operators", before.Operators, after.Operators}, {"kube-apiservers", before.APIServers, after.APIServers}, {"nodes", before.Nodes, after.Nodes},
	} {
		if part.before != part.after {
			text += fmt.Sprintf(", %s %d to %d", part.noun, part.before, part.after)
		}
	}
	if before.Churn != after.Churn {
		text += fmt.Sprintf(", churn %s to %s", before.Churn, after.Churn)
	}
	return text
}

type shrunkJSON struct {
	Header
	Name           string            `json:"name"`
	Finding        checker.Finding   `json:"finding"`
	Others         []checker.Finding `json:"others"`
	Violation      violationJSON     `json:"violation"`
	Before         sizeJSON          `json:"before"`
	After          sizeJSON          `json:"after"`
	Plan           json.RawMessage   `json:"plan"`
	File           string            `json:"file,omitempty"`
	Hash           string            `json:"hash"`
	Code           *Code             `json:"code,omitempty"`
	Replays        Replays           `json:"replays"` // yes, no or untested
	Minimal        bool              `json:"minimal"`
	Note           string            `json:"note,omitempty"`
	Runs           int               `json:"runs"`
	Failed         int               `json:"failed"`
	ElapsedSeconds float64           `json:"elapsedSeconds"`
}

type sizeJSON struct {
	Decisions int `json:"decisions"`
	shrink.Size
}

// WriteJSON writes the result on one line.
func (s *Shrunk) WriteJSON(w io.Writer) error {
	// Its history is in no file, so that there are no lines to name.
	violation := violationForm(s.Violation)
	violation.Records, violation.Lines = nil, nil
	if violation.Cause != nil {
		violation.Cause.Records, violation.Cause.Lines = nil, nil
	}
	return WriteLine(w, shrunkJSON{
		Head("shrink"), s.Name, s.Finding, append([]checker.Finding{}, s.Others...), violation,
		sizeJSON{s.Before.Decisions(), s.Before}, sizeJSON{s.After.Decisions(), s.After},
		json.RawMessage(s.Run.Plan.Line()), s.File, s.Run.Hash, s.Run.Code, s.Replays, s.Minimal, s.Note, s.Runs, s.Failed, s.Elapsed.Seconds(),
	})
}
