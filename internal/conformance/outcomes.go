package conformance

import (
	"bytes"
	"fmt"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mesh"
)

// OutcomesVersion is the version of the file form of Outcomes.
const OutcomesVersion = 2

// Outcome is what the real code says about a counterexample of the model.
type Outcome string

const (
	Reproduced    Outcome = "reproduced"      // it breaks the property in the same order of events
	Refuted       Outcome = "refuted"         // it does not
	Inexpressible Outcome = "not expressible" // the world cannot be made to do it

	// Of a property that holds in a mode with repairs: a counterexample of the mode
	// without them was run with them.
	Repaired    Outcome = "repaired"     // it does not break the property any more
	NotRepaired Outcome = "not repaired" // it still does
)

// Outcomes is what is known of each broken cell of a matrix, and of some that repairs
// repair. Its file form is JSON.
type Outcomes struct {
	Version int               `json:"version"` // of the file form: 2
	Code    map[string]string `json:"code"`    // the versions of what was run
	Bounds  mesh.Bounds       `json:"bounds"`  // of the model
	Seeds   string            `json:"seeds"`   // with which each plan was run, as "1-5"
	Cells   []Cell            `json:"cells"`   // in the order of the matrix
}

// Cell is the outcome of the counterexample of one property in one mode.
type Cell struct {
	Mode     string  `json:"mode"`
	Property string  `json:"property"`
	Of       string  `json:"of,omitempty"` // of one that is repaired or not: the mode whose counterexample it is
	Steps    int     `json:"steps"`        // of the counterexample
	Outcome  Outcome `json:"outcome"`

	// CRDsFirst: the counterexample is not the matrix's, but that of Realizable.
	CRDsFirst bool `json:"crdsFirst,omitempty"`

	Because string `json:"because,omitempty"` // of one that is not expressible: why

	// Of the others: the file of the plan, beside this one; how many runs went as the
	// counterexample; the seeds that broke the property; what the checker said of the
	// first, or else of the first run; and what the real code did then, by step.
	Plan     string   `json:"plan,omitempty"`
	Runs     int      `json:"runs,omitempty"`
	Broke    []uint64 `json:"broke,omitempty"`
	Sentence string   `json:"sentence,omitempty"`
	Seed     uint64   `json:"seed,omitempty"`
	Did      []Did    `json:"did,omitempty"`
}

var outcomesForm = strictjson.Form{What: "file of outcomes", How: "simrun model -all -real -o DIR writes one", Version: OutcomesVersion}

// ReadOutcomes reads the file form. The name stands for the file in errors.
func ReadOutcomes(name string, data []byte) (*Outcomes, error) {
	o := &Outcomes{}
	if err := strictjson.Read(name, data, o, outcomesForm, func() *strictjson.Flaw { return nil }); err != nil {
		return nil, err
	}
	return o, nil
}

// Encode returns the file form, one cell to a line.
func (o *Outcomes) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"version\": %d,\n  \"code\": %s,\n  \"bounds\": %s,\n  \"seeds\": %s,\n  \"cells\": [",
		o.Version, strictjson.Line(o.Code), strictjson.Line(o.Bounds), strictjson.Line(o.Seeds))
	for i := range o.Cells {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n    %s", strictjson.Line(o.Cells[i]))
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}
