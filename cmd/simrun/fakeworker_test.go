package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/det"
)

// TestMain lets the test binary be a worker, which det starts under that name and
// with the plan in the working directory, and simrun itself.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case "worker":
		fakeWorker()
		// At once: the race detector would wait for a second at the end of main.
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	case "simrun":
		main()
	default:
		os.Exit(m.Run())
	}
}

// What the fake worker does for a seed. Other seeds give a history in which every
// property that it touches holds.
const (
	seedViolates    = 101 // an agent sees what never was
	seedCrashes     = 102
	seedSlow        = 7_310_000_103 // until it is killed; a seed that nobody else runs
	seedRefuses     = 104
	seedNoHistory   = 105           // says that it is done and has written rubbish
	seedFlaky       = 106           // two runs differ
	seedUnseeded    = 107           // the seed never determines every event
	seedUnseededOne = 108           // the seed determines every event of about every other run
	seedEmpty       = 109           // nothing happens, so nothing can be decided
	seedPanics      = 7_310_000_110 // in the code under test
	seedAlone       = 8_000         // an agent sees what never was, and of no seed after it
	seedRepaired    = 111           // an agent sees what never was, but with repairs

	// A planted worker's agent sees what never was; so does another's, if nothing is
	// there at the start. No search tries it as another seed.
	seedCatches = 6

	// From here on an agent sees what never was if a replica's writer restarts, and
	// the worker crashes if an agent does.
	seedsOfRestarts = 9_000
)

func fakeWorker() {
	os.Stdout.WriteString(det.Greeting)
	text, err := os.ReadFile(det.PlanFile)
	must(err)
	plan, err := fault.Read(det.PlanFile, text)
	must(err)
	status := det.Status{Runtime: det.Deterministic}
	report := func() { must(json.NewEncoder(os.Stdout).Encode(status)) }

	status.Progress = det.Progress{Virtual: time.Second, Records: 1, Phase: "churn"}
	report()
	if plan.Seed == seedPanics && !isWorker(repairedName) {
		fmt.Fprint(os.Stderr, "panic: nil pointer\n\ngoroutine 9 [running]:\ngithub.com/cilium/cilium/operator/pkg/ciliumendpointslice.(*CESCache).clearStaleState(0x1)\n\tgithub.com/cilium/cilium@v1/cescache.go:143 +0x1\n")
		os.Exit(2)
	}
	switch plan.Seed {
	case seedCrashes:
		panic("the fake worker crashes")
	case seedSlow:
		time.Sleep(time.Hour)
	case seedRefuses:
		status.Refused = "the fake worker does not like the plan"
		report()
		return
	case seedNoHistory:
		must(os.WriteFile(det.HistoryFile, []byte("rubbish"), 0o666))
	default:
		if plan.Seed >= seedsOfRestarts && hasFault(plan, fault.AgentCrash) {
			panic("the fake worker crashes with an agent")
		}
		writeFakeHistory(plan)
	}
	if slices.Contains(os.Args[1:], det.LogFlag) {
		fmt.Fprintf(os.Stderr, "0.000001s\tinfo\t%s\t{\"host\": \"a0\"}\n", det.LogFlag)
	}
	for flag, file := range map[string]string{det.CPUProfileFlag: det.CPUProfileFile, det.MemProfileFlag: det.MemProfileFile} {
		if slices.Contains(os.Args[1:], flag) {
			must(os.WriteFile(file, []byte("\x1f\x8b"+flag), 0o666)) // as gzip begins
		}
	}
	must(os.WriteFile(det.MetricsFile, []byte(fakeMetrics), 0o666))
	status.Done = true
	status.Progress = det.Progress{Virtual: 400 * time.Second, Records: 12, Phase: "end"}
	if plan.Seed == seedUnseeded || plan.Seed == seedUnseededOne && time.Now().UnixNano()/1000%2 == 0 {
		status.Unseeded = 3
	}
	report()
}

// fakeMetrics is what Cilium and etcd say of themselves in each run.
const fakeMetrics = "2,etcd_database_bytes,r0,,20480\n"

// writeFakeHistory writes a run in which every property holds, but for what the seed
// is there for.
func writeFakeHistory(plan *fault.Plan) {
	text := `
0 world phase - start
0 k0 up kube - inc=1
0 r0 up etcd - store=aaaaaaaaaaaaaaaa inc=1
0 r0 up writer - inc=1
0 a0 up agent - inc=1
0.1 r0 lease - 0a op=grant value=900 peer=r0 store=aaaaaaaaaaaaaaaa from=0.1
0.2 k0 watch CiliumIdentity - peer=r0 ask=initial: id=1
0.2 k0 event CiliumIdentity - value=INITIAL:4 peer=r0 id=1 bytes=100
0.3 r0 call meta cilium/synced/c1/cilium/state/identities/v1 op=put value=0123456789abcdef peer=r0 store=aaaaaaaaaaaaaaaa rev=2 from=0.3
0.3 r0 put meta cilium/synced/c1/cilium/state/identities/v1 value=now store=aaaaaaaaaaaaaaaa rev=2
0.5 world phase - churn
1 k0 write CiliumIdentity 70000 op=create peer=w0 rv=5
1 k0 truth identity 70000 value=web op=put owner=CiliumIdentity/70000 rv=5
1 k0 request CiliumIdentity 70000 op=create peer=w0 rv=5 from=1 bytes=100
1 k0 event CiliumIdentity - value=ADDED:70000:5 peer=r0 id=1 bytes=100
1.1 k0 write CiliumEndpoint ns/web op=create peer=w0 rv=6
1.1 k0 truth endpoint 10.0.0.1 value="id=70000 host=h pod=ns/web" op=put owner=CiliumEndpoint/ns/web rv=6
1.1 k0 request CiliumEndpoint ns/web op=create peer=w0 rv=6 from=1.1 bytes=100
1.4 a0 connect - - peer=r0 store=aaaaaaaaaaaaaaaa
1.45 r0 call meta cilium/state/identities/v1/id op=range end=cilium/state/identities/v1/ie peer=a0 store=aaaaaaaaaaaaaaaa rev=2 from=1.45
1.45 r0 watch identity cilium/state/identities/v1/id end=cilium/state/identities/v1/ie ask=3 rev=2 peer=a0 store=aaaaaaaaaaaaaaaa id=2
1.45 r0 call meta cilium/state/ip/v1/default/ op=range end=cilium/state/ip/v1/default0 peer=a0 store=aaaaaaaaaaaaaaaa rev=2 from=1.45
1.45 r0 watch endpoint cilium/state/ip/v1/default/ end=cilium/state/ip/v1/default0 ask=3 rev=2 peer=a0 store=aaaaaaaaaaaaaaaa id=4
1.45 r0 call meta cilium/state/nodes/v1/ op=range end=cilium/state/nodes/v10 peer=a0 store=aaaaaaaaaaaaaaaa rev=2 from=1.45
1.45 r0 watch node cilium/state/nodes/v1/ end=cilium/state/nodes/v10 ask=3 rev=2 peer=a0 store=aaaaaaaaaaaaaaaa id=6
1.5 r0 put identity cilium/state/identities/v1/id/70000 value=web store=aaaaaaaaaaaaaaaa rev=3
1.5 r0 call meta cilium/state/identities/v1/id/70000 op=put value=0123456789abcdef peer=r0 store=aaaaaaaaaaaaaaaa rev=3 from=1.4
1.5 r0 event identity cilium/state/identities/v1/id value=put:cilium/state/identities/v1/id/70000:3:3:1:0123456789abcdef rev=3 peer=a0 store=aaaaaaaaaaaaaaaa id=2 bytes=100
1.6 r0 put endpoint cilium/state/ip/v1/default/10.0.0.1 value="id=70000 host=h pod=ns/web" store=aaaaaaaaaaaaaaaa rev=4
1.6 r0 event endpoint cilium/state/ip/v1/default/ value=put:cilium/state/ip/v1/default/10.0.0.1:4:4:1:0123456789abcdef rev=4 peer=a0 store=aaaaaaaaaaaaaaaa id=4 bytes=100
1.6 r0 call meta cilium/state/ip/v1/default/10.0.0.1 op=put value=0123456789abcdef peer=r0 store=aaaaaaaaaaaaaaaa rev=4 from=1.6
1.7 a0 synced endpoint - value=synced inc=1
1.8 a0 see endpoint 10.0.0.1 value="id=70000 host=h pod=ns/web" peer=r0 store=aaaaaaaaaaaaaaaa inc=1
1.8 a0 program endpoint 10.0.0.1 value="id=70000 host=h pod=ns/web" peer=r0 store=aaaaaaaaaaaaaaaa inc=1
2 a0 see identity 70000 value=SEEN peer=r0 store=aaaaaaaaaaaaaaaa inc=1
2.1 a0 see identity 70000 value=web peer=r0 store=aaaaaaaaaaaaaaaa inc=1
2.2 k0 write CiliumNode n0 op=create rv=7
2.2 k0 truth node n0 value=ip op=put owner=CiliumNode/n0 rv=7
2.3 r0 put node cilium/state/nodes/v1/c1/n0 value=ip store=aaaaaaaaaaaaaaaa rev=5
2.3 r0 event node cilium/state/nodes/v1/ value=put:cilium/state/nodes/v1/c1/n0:5:5:1:0123456789abcdef rev=5 peer=a0 store=aaaaaaaaaaaaaaaa id=6 bytes=100
2.3 r0 call meta cilium/state/nodes/v1/c1/n0 op=put value=0123456789abcdef peer=r0 store=aaaaaaaaaaaaaaaa rev=5 from=2.3
2.4 a0 see node n0 value=ip peer=r0 store=aaaaaaaaaaaaaaaa inc=1
2.5 k0 write CiliumNode n0 op=delete rv=8
2.5 k0 truth node n0 op=del owner=CiliumNode/n0 rv=8
2.6 r0 del node cilium/state/nodes/v1/c1/n0 store=aaaaaaaaaaaaaaaa rev=6
2.6 r0 event node cilium/state/nodes/v1/ value=del:cilium/state/nodes/v1/c1/n0:6 rev=6 peer=a0 store=aaaaaaaaaaaaaaaa id=6 bytes=100
2.6 r0 call meta cilium/state/nodes/v1/c1/n0 op=delete value=1 peer=r0 store=aaaaaaaaaaaaaaaa rev=6 from=2.55
2.7 a0 drop node n0 peer=r0 store=aaaaaaaaaaaaaaaa inc=1
200 world phase - heal value=6m
400 world phase - end value=settled
2200 world left - -
`
	seen := "web"
	switch {
	case plan.Seed == seedViolates, plan.Seed == seedAlone, plan.Seed == seedRepaired && !isWorker(repairedName):
		seen = "ghost"
	}
	switch plan.Seed {
	case seedFlaky:
		seen = fmt.Sprintf("web%d", time.Now().UnixNano())
	case seedEmpty:
		text = "0 world phase - start\n400 world phase - end value=settled\n"
	}
	if plan.Seed >= seedsOfRestarts && hasFault(plan, fault.WriterRestart) || plan.Seed == seedCatches && (plantedWorker() || len(plan.Pods)+len(plan.Objects) == 0) {
		seen = "ghost"
	}
	records, err := history.Parse(strings.ReplaceAll(withAnother(text), "SEEN", seen))
	must(err)
	f, err := os.Create(det.HistoryFile)
	must(err)
	w, err := history.NewWriter(f, plan.Line())
	must(err)
	for i := range records {
		must(w.Write(&records[i]))
	}
	_, err = w.Close()
	must(err)
	must(f.Close())
}

// withAnother adds an agent a1, which lives through what a0 does and always sees what is.
func withAnother(text string) string {
	another := strings.NewReplacer("a0", "a1", " id=2", " id=3", " id=4", " id=5", " id=6", " id=7", "SEEN", "web")
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(line)
		if strings.Contains(line, "a0") {
			b.WriteString(another.Replace(line))
		}
	}
	return b.String()
}

// plantedName is the file of a fake worker that has a bug.
const plantedName = "planted-worker"

// repairedName is the file of one that has repairs.
const repairedName = "repaired-worker"

func plantedWorker() bool { return isWorker(plantedName) }

func isWorker(name string) bool {
	path, err := os.Executable()
	must(err)
	return filepath.Base(path) == name
}

func hasFault(plan *fault.Plan, kind fault.Kind) bool {
	return slices.ContainsFunc(plan.Faults, func(f fault.Fault) bool { return f.Kind == kind })
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
