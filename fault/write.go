package fault

import (
	"bytes"
	"fmt"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

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
	writeList(&b, "pods", p.Pods)
	writeList(&b, "ops", p.Ops)
	writeList(&b, "faults", p.Faults)
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
