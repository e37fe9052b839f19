package fault

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/strictjson"
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
	fmt.Fprintf(&b, "  \"topology\": %s,\n  \"network\": %s,\n  \"options\": %s,\n\n", strictjson.Line(p.Topology), strictjson.Line(p.Network), strictjson.Line(p.Options))
	fmt.Fprintf(&b, "  \"churn\": %s,\n  \"settle\": %s", strictjson.Line(p.Churn), strictjson.Line(p.Settle))
	if len(p.Promise) > 0 {
		fmt.Fprintf(&b, ",\n  \"promise\": %s", strictjson.Line(p.Promise))
	}
	writeList(&b, "nodes", p.Nodes)
	writeList(&b, "pods", p.Pods)
	writeList(&b, "services", p.Services)
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
