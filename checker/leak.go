package checker

import "fmt"

var leaks = Property{
	Name:    "leaks",
	Promise: "When every process has been stopped, no goroutine is left that one of them started.",
	Why:     "liveness of the harness and of what it runs: a goroutine that outlives its process works on in a world that has ended, and would in an agent that reconnects for months",
	check:   checkLeaks,
}

// checkLeaks reads what was counted when the run had ended.
func checkLeaks(in *input) Result {
	counted := false
	var violations []Violation
	for i := range in.Left {
		r := &in.Left[i]
		if r.Key == "" {
			counted = true
			continue
		}
		violations = append(violations, Violation{Key: r.Key, At: r.At, Records: []int{len(in.Records) + i},
			Sentence: fmt.Sprintf("%s started by %s outlived their processes", count(int(r.Rev), "goroutine", "goroutines"), r.Key)})
	}
	if !counted {
		return unknown("the goroutines that were left when every process had stopped were not counted")
	}
	return judged("every process was stopped, and the goroutines that were left were counted", violations)
}
