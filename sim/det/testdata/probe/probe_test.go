// Package probe runs on the deterministic runtime, to see what it promises.
package probe

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	_ "unsafe" // for go:linkname
)

// The holder of a lock may wait for a peer, or for a timer, while others wait for the
// lock. Where locks do not count as waiting, all of them sleep for ever.
func TestTimePassesWhileGoroutinesWaitForALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plain sync.Mutex
		var shared sync.RWMutex
		plain.Lock()
		shared.Lock()
		start := time.Now()
		var waited [3]time.Duration
		var all sync.WaitGroup
		for i, lock := range []func(){plain.Lock, shared.RLock, shared.RLock} {
			all.Go(func() {
				lock()
				waited[i] = time.Since(start)
			})
		}
		time.Sleep(time.Second)
		plain.Unlock()
		shared.Unlock()
		all.Wait()
		if want := [3]time.Duration{time.Second, time.Second, time.Second}; waited != want {
			t.Errorf("waited %v, must be %v", waited, want)
		}
	})
}

// Nothing preempts by wall time, yet a loop that takes locks gives others a turn, as
// all loops do in real Go.
func TestLoopOverALockGivesOthersATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock sync.Mutex
		var others atomic.Int32
		for range 10 {
			go others.Add(1)
		}
		for others.Load() < 10 {
			lock.Lock()
			lock.Unlock()
		}
	})
}

//go:linkname detrtHost runtime.detrtHost
func detrtHost() uint32

//go:linkname detrtSetHost runtime.detrtSetHost
func detrtSetHost(number uint32)

// A host is that of the goroutine that starts another, or makes a timer, and never
// that of a goroutine which ran before in the same place.
func TestHostIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(chan uint32)
		tell := func() { seen <- detrtHost() }
		expect := func(how string, want uint32) {
			t.Helper()
			if got := <-seen; got != want {
				t.Errorf("%s: host %d, must be %d", how, got, want)
			}
		}
		detrtSetHost(1)
		go tell()
		expect("go", 1)
		go func() { go tell() }()
		expect("go in go", 1)
		timer := time.AfterFunc(time.Second, tell)
		detrtSetHost(2)
		expect("AfterFunc", 1)
		timer.Reset(time.Second)
		expect("AfterFunc, reset elsewhere", 1)
		time.AfterFunc(time.Second, func() { go tell() })
		expect("go in AfterFunc", 2)
		next, stop := iter.Pull(func(yield func(uint32) bool) { yield(detrtHost()) })
		if got, _ := next(); got != 2 {
			t.Errorf("iter.Pull: host %d, must be 2", got)
		}
		stop()
		detrtSetHost(0)
		for range 100 {
			go tell()
			expect("outside", 0)
		}
	})
}

// A cleanup runs outside the bubble, where closing the bubble's channel is fatal.
func TestNoCleanupRunsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		func() {
			object := new([64]byte)
			runtime.AddCleanup(object, func(c chan struct{}) { close(c) }, closed)
		}()
		for range 5 {
			runtime.GC()
			time.Sleep(time.Second)
		}
		select {
		case <-closed:
			t.Error("a cleanup ran")
		default:
		}
	})
}

// A loop that never blocks, and waits for something that takes time, lets it pass.
func TestTimePassesForALoopOverALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock sync.Mutex
		for start := time.Now(); time.Since(start) < time.Millisecond; {
			lock.Lock()
			lock.Unlock()
		}
	})
}

type stalled struct {
	function string
	offset   uintptr
	visit    uint32
	ns       int64
}

type stallHook = func(function string, offset, pc, starter uintptr, visit uint32, ns int64)

//go:linkname detrtStalls runtime.detrtStalls
func detrtStalls(places uint32, list []stalled, hook stallHook)

// sessions is a map of what is open, as Cilium's leases are.
type sessions struct {
	sync.Mutex
	open map[int]bool
	wg   sync.WaitGroup
}

// start lets somebody wait for the session's end before the session is entered: where
// the end comes first, the entry stays for ever.
//
//go:noinline
func (s *sessions) start(id int, end time.Duration) {
	ended := make(chan struct{})
	time.AfterFunc(end, func() { close(ended) })
	s.wg.Add(1)
	go s.waitFor(id, ended)
	s.Lock()
	s.open[id] = true
	s.Unlock()
}

//go:noinline
func (s *sessions) waitFor(id int, ended chan struct{}) {
	defer s.wg.Done()
	<-ended
	s.Lock()
	delete(s.open, id)
	s.Unlock()
}

// race opens a session that ends 2 ms later, and reports whether its entry stayed.
func race(places uint32, list []stalled, hook stallHook) bool {
	s := sessions{open: map[int]bool{}}
	detrtStalls(places, list, hook)
	s.start(1, 2*time.Millisecond)
	detrtStalls(0, nil, nil)
	s.wg.Wait()
	return s.open[1]
}

// A few instructions lose a race against something that takes time, where the
// goroutine stalls, and nowhere else.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if race(0, nil, nil) {
			t.Error("lost without a stall")
		}
		var drawn []stalled
		race(1, nil, func(function string, offset, _, _ uintptr, visit uint32, ns int64) {
			drawn = append(drawn, stalled{function, offset, visit, ns})
			if ns < int64(50*time.Microsecond) || ns > int64(52*time.Millisecond) {
				t.Errorf("a stall of %d ns", ns)
			}
		})
		lost := 0
		for _, s := range drawn {
			if s.function != "example.test/probe.(*sessions).start" {
				continue
			}
			s.ns = 5e6
			n := 0
			if race(0, []stalled{s}, func(string, uintptr, uintptr, uintptr, uint32, int64) { n++ }) {
				lost++
			}
			if n != 1 {
				t.Errorf("%d stalls in place of one", n)
			}
		}
		if lost == 0 {
			t.Errorf("lost with none of the stalls %v", drawn)
		}
	})
}

// Computing takes no virtual time, so a period that was measured may be 0. In a
// real program it never is.
func TestTickerTakesAMeasuredPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		ticker.Reset(time.Since(start))
		<-ticker.C
		if took := time.Since(start); took != time.Nanosecond {
			t.Errorf("the next tick after %v, want 1ns", took)
		}
	})
}
