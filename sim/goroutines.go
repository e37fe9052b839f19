package sim

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// starter is who started a goroutine: a function, in a process (package hosts; 0 where
// processes are not told apart).
type starter struct {
	process  uint32
	function string
}

// goroutines counts the goroutines of the bubble by who started them, but for the caller's,
// the bubble's own, and those of processes that were ended from without.
func goroutines() map[starter]int64 { return startersIn(allStacks()) }

func startersIn(stacks string) map[starter]int64 {
	started := map[starter]int64{}
	for _, stack := range strings.Split(stacks, "\n\n")[1:] { // the caller's is the first
		head, _, _ := strings.Cut(stack, "\n")
		_, by, _ := strings.Cut(stack, "\ncreated by ")
		by, _, _ = strings.Cut(by, "\n")
		by, _, _ = strings.Cut(by, " in goroutine ")
		waitsForBubble := strings.Contains(head, "[synctest.Run") || strings.HasPrefix(by, "testing/synctest.")
		process := processOf(head)
		if strings.Contains(head, ", synctest bubble ") && !waitsForBubble && !hosts.Ended(process) {
			started[starter{process, by}]++
		}
	}
	return started
}

// processOf returns the number of the process that a goroutine is of, by the head of its
// stack, where the runtime of whole agents says it.
func processOf(head string) uint32 {
	_, number, _ := strings.Cut(head, ", process ")
	number, _, _ = strings.Cut(number, "]")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// allStacks returns what runtime.Stack says of all goroutines.
func allStacks() string {
	for b := make([]byte, 1<<18); ; b = make([]byte, 2*len(b)) {
		if n := runtime.Stack(b, true); n < len(b) {
			return string(b[:n])
		}
	}
}
