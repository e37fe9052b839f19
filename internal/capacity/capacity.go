// Package capacity reads and writes what real servers were measured to cost: testdata/capacity, which simrun
// calibrate makes.
package capacity

import (
	"fmt"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Version is that of the form of files.
const Version = 1

// File is one measurement.
type File struct {
	Version *int     `json:"version"`
	Date    string   `json:"date"` // YYYY-MM-DD
	Machine Machine  `json:"machine"`
	Servers []string `json:"servers"` // with their versions
	Figures []Figure `json:"figures"`
}

// Machine is where it was measured.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"`
	LoadBefore float64 `json:"loadBefore"` // processes that ran or wanted to, in the mean of a minute
	LoadAfter  float64 `json:"loadAfter"`
}

// Figure is what something costs one process.
type Figure struct {
	Process string  `json:"process"` // whose CPU it is
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Median  float64 `json:"median"`
	Least   float64 `json:"least"` // of the rounds
	Most    float64 `json:"most"`
	Rounds  int     `json:"rounds"`
	Bytes   int     `json:"bytes,omitempty"` // of an event
}

var form = strictjson.Form{What: "measurement of capacities", How: "simrun calibrate -o FILE writes one", Version: Version}

// Read reads a file of a name strictly.
func Read(name string, raw []byte) (f File, err error) {
	err = strictjson.Read(name, raw, &f, form, f.check)
	return f, err
}

// Indented returns the file as it is written.
func (f *File) Indented() []byte { return strictjson.Indented(f) }

func (f *File) check() *strictjson.Flaw {
	if flaw := form.CheckVersion(f.Version); flaw != nil {
		return flaw
	}
	m := &f.Machine
	switch {
	case f.Date == "":
		return strictjson.Flawf("date", "it is missing; it must be the day of the measurement, such as 2026-11-30")
	case m.CPU == "" || m.Cores < 1 || m.Kernel == "" || m.Go == "":
		return strictjson.Flawf("machine", "it is incomplete; it must have cpu, cores, kernel and go")
	case len(f.Servers) == 0:
		return strictjson.Flawf("servers", "it is empty; it must name what was measured")
	case len(f.Figures) == 0:
		return strictjson.Flawf("figures", "it is empty; it must have what was measured")
	}
	for i := range f.Figures {
		if flaw := f.Figures[i].check(i); flaw != nil {
			return flaw
		}
	}
	return nil
}

func (g *Figure) check(i int) *strictjson.Flaw {
	path := fmt.Sprintf("figures[%d]", i)
	switch {
	case g.Process == "" || g.What == "" || g.Unit == "" || g.Rounds < 1:
		return strictjson.Flawf(path, "it is incomplete; it must have process, what, unit and rounds")
	case !(0 < g.Least && g.Least <= g.Median && g.Median <= g.Most):
		return strictjson.Flawf(path, "it has least %g, median %g and most %g; they must be above zero and ascend", g.Least, g.Median, g.Most)
	}
	return nil
}
