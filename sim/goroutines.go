package sim

import (
	"runtime"
	"strings"
)

// goroutines counts the goroutines of the bubble, but for the caller's and the
// bubble's own, by the function that started them.
func goroutines() map[string]int64 {
	started := map[string]int64{}
	stacks := strings.Split(allStacks(), "\n\n")
	for _, stack := range stacks[1:] { // the caller's is the first
		head, _, _ := strings.Cut(stack, "\n")
		_, by, _ := strings.Cut(stack, "\ncreated by ")
		by, _, _ = strings.Cut(by, "\n")
		by, _, _ = strings.Cut(by, " in goroutine ")
		waitsForBubble := strings.Contains(head, "[synctest.Run") || strings.HasPrefix(by, "testing/synctest.")
		if strings.Contains(head, ", synctest bubble ") && !waitsForBubble {
			started[by]++
		}
	}
	return started
}

// allStacks returns what runtime.Stack says of all goroutines.
func allStacks() string {
	for b := make([]byte, 1<<18); ; b = make([]byte, 2*len(b)) {
		if n := runtime.Stack(b, true); n < len(b) {
			return string(b[:n])
		}
	}
}
