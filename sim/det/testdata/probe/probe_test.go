// Package probe runs on the deterministic runtime, to see what it promises.
package probe

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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
