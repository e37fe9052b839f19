package drive

import "strings"

// Cause finds the line in the output of a worker that says why it ended, or
// returns the empty string.
func Cause(output string) string {
	for line := range strings.Lines(output) {
		for _, start := range []string{"panic: ", "fatal error: ", "worker: "} {
			if strings.HasPrefix(line, start) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
