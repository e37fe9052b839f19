package process

import (
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/meshcheck/meshcheck/sim/det"
)

// profile begins the profiles that are asked for and returns what writes them.
func profile(cpu, mem bool) (finish func()) {
	if !mem {
		runtime.MemProfileRate = 0 // which is on as soon as any package can write such a profile
	}
	if cpu {
		must(pprof.StartCPUProfile(create(det.CPUProfileFile)))
	}
	return func() {
		if cpu {
			pprof.StopCPUProfile()
		}
		if mem {
			must(pprof.Lookup("allocs").WriteTo(create(det.MemProfileFile), 0))
		}
	}
}

func create(name string) *os.File {
	f, err := os.Create(name)
	must(err)
	return f
}

func must(err error) {
	if err != nil {
		fatal(err)
	}
}
