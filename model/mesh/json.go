package mesh

import (
	"encoding/json"
	"io"

	"github.com/meshcheck/meshcheck/model/explore"
	"github.com/meshcheck/meshcheck/model/explore/trace"
)

// JSONVersion is the version of the JSON form of a Row.
const JSONVersion = 1

type rowJSON struct {
	Version        int        `json:"version"`
	Kind           string     `json:"kind"` // model
	Mode           string     `json:"mode"`
	Bounds         Bounds     `json:"bounds"`
	States         int64      `json:"states"`
	Steps          int64      `json:"steps"`
	Finished       bool       `json:"finished"`
	Stopped        string     `json:"stopped,omitempty"`
	ElapsedSeconds float64    `json:"elapsedSeconds"`
	Properties     []cellJSON `json:"properties"`

	Situations []situationJSON `json:"situations"`
}

type situationJSON struct {
	Situation string       `json:"situation"`
	Reached   bool         `json:"reached"`
	Trace     *trace.Trace `json:"trace,omitempty"` // the shortest witness
}

type cellJSON struct {
	Property string          `json:"property"`
	Promised bool            `json:"promised"`
	Verdict  explore.Verdict `json:"verdict"` // holds, broken or unknown
	Length   int             `json:"length,omitempty"`
	Trace    *trace.Trace    `json:"trace,omitempty"` // of a broken one: the shortest
}

// WriteJSON writes the row on one line.
func (r *Row) WriteJSON(w io.Writer) error {
	form := rowJSON{
		Version: JSONVersion, Kind: "model", Mode: r.Mode.String(), Bounds: r.Bounds,
		States: r.States, Steps: r.Steps, Finished: r.Finished, Stopped: r.Stopped,
		ElapsedSeconds: r.Elapsed.Seconds(),
	}
	for _, c := range r.Cells {
		cell := cellJSON{Property: c.Property, Promised: c.Promised, Verdict: c.Verdict, Trace: c.Trace}
		if c.Trace != nil {
			cell.Length = len(c.Trace.Steps)
		}
		form.Properties = append(form.Properties, cell)
	}
	for _, s := range r.Situations {
		form.Situations = append(form.Situations, situationJSON{s.Name, s.Trace != nil, s.Trace})
	}
	return json.NewEncoder(w).Encode(form)
}
