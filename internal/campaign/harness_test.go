package campaign

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/sim/det"
)

func TestSymptomNamesTheFunction(t *testing.T) {
	const operator = `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1]

goroutine 10877 [running, synctest bubble 1]:
panic({0x1, 0x2})
	runtime/panic.go:860
github.com/cilium/cilium/operator/pkg/ciliumendpointslice.(*CESCache).clearStaleState(0x3797b919ef60, {{0x37, 0x6}})
	github.com/cilium/cilium@v1.20.2/operator/pkg/ciliumendpointslice/cescache.go:143 +0x23d
`
	require.Contains(t, symptom(&det.Failure{Kind: det.Crash, Output: operator}), "-in-ciliumendpointslice-")
	require.Equal(t, "hang", symptom(&det.Failure{Kind: det.Hang, Output: operator}))
	require.Equal(t, "mistake-staleness", symptom(&det.Failure{Kind: det.Mistake, Output: "staleness"}))
}
