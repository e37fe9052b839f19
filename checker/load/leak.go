package load

import (
	"fmt"

	"github.com/meshcheck/meshcheck/checker/property"
)

var Leaks = property.Property{
	Name:    "leaks",
	Promise: "When every process has been stopped, no goroutine is left that one of them started.",
	Why:     "liveness of the harness and of what it runs: a goroutine that outlives its process works on in a world that has ended, and would in an agent that reconnects for months",
	Check:   checkLeaks,
}

// checkLeaks reads what was counted when the run had ended.
func checkLeaks(in *property.Input) property.Result {
	counted := false
	var violations []property.Violation
	for i := range in.Left {
		r := &in.Left[i]
		if r.Key == "" {
			counted = true
			continue
		}
		violations = append(violations, property.Violation{Key: r.Key, At: r.At, Records: []int{len(in.Records) + i},
			Sentence: fmt.Sprintf("%s started by %s outlived their processes", property.Count(int(r.Rev), "goroutine", "goroutines"), r.Key)})
	}
	if !counted {
		return property.Undecided("the goroutines that were left when every process had stopped were not counted")
	}
	return property.Judged("every process was stopped, and the goroutines that were left were counted", violations)
}
