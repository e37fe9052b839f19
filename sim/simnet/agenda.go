package simnet

import (
	"container/heap"
	"math"
	"time"
)

// agenda is what is to be done later, in order of instants and, at one instant,
// of scheduling. One timer serves all of it: timers are what virtual time costs.
type agenda struct {
	epoch time.Time
	tasks taskHeap
	count uint64        // of schedule calls
	timer *time.Timer   // calls the network's run
	armed time.Duration // when the timer fires; never if it does not
	ended bool
}

// task is something to be done at an instant, owned by whom it concerns.
type task struct {
	do    func()
	at    time.Duration
	order uint64
	index int // in the heap, from 1; zero: not scheduled
}

const never = time.Duration(math.MaxInt64)

func (a *agenda) start(run func()) {
	a.epoch = time.Now()
	a.armed = never
	a.timer = time.AfterFunc(never, run)
	a.timer.Stop()
}

// now is the time since the start.
func (a *agenda) now() time.Duration { return time.Since(a.epoch) }

// stop forgets everything, for good, and stops the timer.
func (a *agenda) stop() {
	for _, t := range a.tasks {
		t.index = 0 // an owner may still cancel it
	}
	a.tasks, a.ended = nil, true
	a.timer.Stop()
}

// schedule sets the instant of a task; an earlier setting is void. After stop
// it does nothing.
func (a *agenda) schedule(t *task, at time.Duration) {
	if a.ended {
		return
	}
	a.count++
	t.at, t.order = at, a.count
	if t.index > 0 {
		heap.Fix(&a.tasks, t.index-1)
	} else {
		heap.Push(&a.tasks, t)
	}
	a.arm()
}

// cancel takes a task off the agenda, if it is there. The timer stays as it is:
// a call of run with nothing due costs less than setting it anew each time.
func (a *agenda) cancel(t *task) {
	if t.index > 0 {
		heap.Remove(&a.tasks, t.index-1)
	}
}

// run does what is due.
func (a *agenda) run() {
	a.armed = 0 // tasks schedule others; the timer is set once, at the end
	now := a.now()
	for len(a.tasks) > 0 && a.tasks[0].at <= now {
		heap.Pop(&a.tasks).(*task).do()
	}
	a.armed = never
	a.arm()
}

func (a *agenda) arm() {
	if len(a.tasks) == 0 || a.tasks[0].at >= a.armed {
		return
	}
	a.armed = a.tasks[0].at
	a.timer.Reset(a.armed - a.now())
}

type taskHeap []*task

func (h taskHeap) Len() int { return len(h) }

func (h taskHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}

func (h taskHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *taskHeap) Push(t any) {
	*h = append(*h, t.(*task))
	t.(*task).index = len(*h)
}

func (h *taskHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	return t
}
