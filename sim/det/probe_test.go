package det

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of testdata/probe run on the deterministic runtime.
func TestProbe(t *testing.T) {
	overlay, err := WriteOverlay(goroot(t), t.TempDir(), false)
	require.NoError(t, err)
	cmd := exec.Command("go", "test", "-count=1", "-v", "-timeout=60s", "-overlay", overlay, ".")
	cmd.Dir = "testdata/probe"
	cmd.Env = append(os.Environ(), "DETRT=7", "GOFLAGS=-mod=readonly")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestTimePassesWhileGoroutinesWaitForALock")
	require.Contains(t, string(out), "--- PASS: TestLoopOverALockGivesOthersATurn")
	require.Contains(t, string(out), "--- PASS: TestHostIsPassedOn")
	require.Contains(t, string(out), "--- PASS: TestNoCleanupRunsInABubble")
	require.Contains(t, string(out), "--- PASS: TestTimePassesForALoopOverALock")
	require.Contains(t, string(out), "--- PASS: TestStall")
	require.Contains(t, string(out), "--- PASS: TestTickerTakesAMeasuredPeriod")
}
