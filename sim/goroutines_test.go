package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/hosts"
)

// wait and waitElsewhere start goroutines that wait.
func wait(over <-chan struct{}) { go func() { <-over }() }

func waitElsewhere(over <-chan struct{}) { go func() { <-over }() }

func TestGoroutines(t *testing.T) {
	outside := make(chan struct{})
	defer close(outside)
	wait(outside)
	synctest.Test(t, func(t *testing.T) {
		require.Empty(t, goroutines(), "those outside of the bubble do not count")
		over := make(chan struct{})
		wait(over)
		wait(over)
		waitElsewhere(over)
		synctest.Wait()
		require.Equal(t, map[starter]int64{
			{0, "github.com/meshcheck/meshcheck/sim.wait"}:          2,
			{0, "github.com/meshcheck/meshcheck/sim.waitElsewhere"}: 1,
		}, goroutines())
		close(over)
		synctest.Wait()
		require.Empty(t, goroutines())
	})
}

// What a crash leaves is no leak; what a process leaves that has stopped in good order is one.
func TestGoroutinesByProcess(t *testing.T) {
	crashed, stopped := hosts.NewProcess("a6"), hosts.NewProcess("a6")
	hosts.End(crashed)
	var stacks strings.Builder
	stacks.WriteString("goroutine 1 [running, synctest bubble 1]:\nthe.caller()\n")
	for i, process := range []uint32{crashed, crashed, stopped, 0} {
		in := ""
		if process != 0 {
			in = fmt.Sprintf(", process %d", process)
		}
		fmt.Fprintf(&stacks, "\n\ngoroutine %d [select (durable), synctest bubble 1%s]:\na.b()\n\tb.go:7\ncreated by a.Watch in goroutine 3\n\tb.go:9", i+2, in)
	}
	require.Equal(t, map[starter]int64{{stopped, "a.Watch"}: 1, {0, "a.Watch"}: 1}, startersIn(stacks.String()))
}
