package load

import (
	"fmt"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/internal/text"
)

var Leaks = property.Property{
	Name:    "leaks",
	Promise: "When every process has been stopped, no goroutine is left that one of them started.",
	Why:     "liveness of the harness and of what it runs: a goroutine that outlives its process works on in a world that has ended, and would in an agent that reconnects for months",
	Rules:   []*property.Rule{outlived},
	Check:   checkLeaks,
	Step: func(*property.Violation) property.Step {
		return property.Step{Part: "a process", What: "when it was stopped, it did not stop all that it had started"}
	},
}

const goroutines = "goroutines"

var outlived = &property.Rule{Name: "outlived", Text: func(f *property.Facts) string {
	return fmt.Sprintf("%s started by %s outlived their processes", text.Count(f.Counts[goroutines], "goroutine"), f.Key)
}}

// checkLeaks reads what was counted when the run had ended.
func checkLeaks(in *property.Input) property.Result {
	counted := false
	end := time.Duration(0) // of the run: what is counted when all was stopped was left then
	if n := len(in.Records); n > 0 {
		end = in.Records[n-1].At
	}
	var violations []property.Violation
	for i := range in.Left {
		r := &in.Left[i]
		if r.Key == "" {
			counted = true
			continue
		}
		violations = append(violations, property.Violation{Rule: outlived, Records: []int{len(in.Records) + i},
			Facts: property.Facts{Key: r.Key, At: min(end, r.At), Counts: map[string]int{goroutines: int(r.Rev)}}})
	}
	if !counted {
		return property.Undecided("the goroutines that were left when every process had stopped were not counted")
	}
	return property.Judged("every process was stopped, and the goroutines that were left were counted", violations)
}
