package drive

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/report"
)

const operatorDies = `some log
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1]

goroutine 10877 [running, synctest bubble 1]:
panic({0x1, 0x2})
	runtime/panic.go:860
sync.(*Mutex).Lock(...)
	sync/mutex.go:46
github.com/cilium/cilium/operator/pkg/ciliumendpointslice.(*CESCache).clearStaleState(0x3797b919ef60, {{0x37, 0x6}})
	github.com/cilium/cilium@v1.20.2/operator/pkg/ciliumendpointslice/cescache.go:143 +0x23d
github.com/meshcheck/meshcheck/sim.run(...)
`

func TestPanicOfTheCodeUnderTest(t *testing.T) {
	require.Equal(t, &report.Panic{
		Value:    "runtime error: invalid memory address or nil pointer dereference",
		Function: "ciliumendpointslice.(*CESCache).clearStaleState",
		At:       "github.com/cilium/cilium@v1.20.2/operator/pkg/ciliumendpointslice/cescache.go:143",
		Page:     "slim-operator-dies-of-a-deleted-node",
	}, PanicOf(operatorDies))
	for _, output := range []string{
		"killed",
		"panic: out of range\n\ngoroutine 1 [running]:\nmain.main()\n\tx.go:1\n",
		"panic: x\n\ngoroutine 1 [running]:\ngithub.com/meshcheck/meshcheck/sim.run()\n\tx.go:1\ngithub.com/cilium/cilium/pkg/a.B()\n\tb.go:1\n",
		"panic: x\n\ngoroutine 1 [running]:\nsync.x()\n\tx.go:1\n\ngoroutine 2 [sleep]:\ngithub.com/cilium/cilium/pkg/a.B()\n\tb.go:1\n",
		"SIGQUIT: quit\n\ngoroutine 1 [running]:\ngithub.com/cilium/cilium/pkg/a.B()\n\tb.go:1\n",
	} {
		require.Nil(t, PanicOf(output), output)
	}
}

func TestPanicsHavePages(t *testing.T) {
	for function, page := range panicPages {
		text, err := os.ReadFile("../../testdata/findings/" + page + ".md")
		require.NoError(t, err)
		require.Contains(t, string(text), function)
	}
}
