package output

import (
	"strings"

	"github.com/meshcheck/meshcheck/internal/load"
)

// MetricsUsage is what helps say of a flag that asks for metrics.
const MetricsUsage = "write what servers did, second by second: CSV if the name ends in .csv, else OpenMetrics text; docs/metrics.md describes it"

// WriteMetrics writes the metrics of a history, and of what Cilium and etcd said of themselves if it was made now, if
// a flag asks for them.
func WriteMetrics(path string, history, said []byte) error {
	if path == "" {
		return nil
	}
	count, err := load.CountFile(history)
	if err != nil {
		return err
	}
	if err := count.Hear(said); err != nil {
		return err
	}
	write := count.WriteOpenMetrics
	if strings.HasSuffix(path, ".csv") {
		write = count.WriteCSV
	}
	return WriteWith("metrics", path, write)
}
