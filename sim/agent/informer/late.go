package informer

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Lag is how late a client gets at this instant what a kube-apiserver sends it.
type Lag func() time.Duration

// LateList returns a request for a list whose answer comes late.
func LateList[L runtime.Object](lag Lag, request func(context.Context, metav1.ListOptions) (L, error)) func(context.Context, metav1.ListOptions) (L, error) {
	if lag == nil {
		return request
	}
	return func(ctx context.Context, opts metav1.ListOptions) (L, error) {
		answer, err := request(ctx, opts)
		if late := lag(); err == nil && late > 0 {
			select {
			case <-time.After(late):
			case <-ctx.Done():
				return answer, ctx.Err()
			}
		}
		return answer, err
	}
}

// LateWatch returns a request for a watch whose events come late, each by the lag at its time.
func LateWatch(lag Lag, request func(context.Context, metav1.ListOptions) (watch.Interface, error)) func(context.Context, metav1.ListOptions) (watch.Interface, error) {
	if lag == nil {
		return request
	}
	return func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
		w, err := request(ctx, opts)
		if err != nil {
			return nil, err
		}
		l := &lateWatch{Interface: w, events: make(chan watch.Event), due: make(chan dueEvent, underWay), stopped: make(chan struct{})}
		go l.receive(lag)
		go l.deliver()
		return l, nil
	}
}

// lateWatch is a watch whose events are held up.
type lateWatch struct {
	watch.Interface
	events  chan watch.Event
	due     chan dueEvent
	stopped chan struct{}
	stop    sync.Once
}

type dueEvent struct {
	watch.Event
	at time.Time
}

// underWay is how many events are held up at most. More wait on the connection.
const underWay = 1024

func (l *lateWatch) ResultChan() <-chan watch.Event { return l.events }

func (l *lateWatch) Stop() {
	l.stop.Do(func() { close(l.stopped) })
	l.Interface.Stop()
}

func (l *lateWatch) receive(lag Lag) {
	defer close(l.due)
	for ev := range l.Interface.ResultChan() {
		select {
		case l.due <- dueEvent{ev, time.Now().Add(lag())}:
		case <-l.stopped:
			return
		}
	}
}

func (l *lateWatch) deliver() {
	defer close(l.events)
	for ev := range l.due {
		if wait := time.Until(ev.at); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.stopped:
				return
			}
		}
		select {
		case l.events <- ev.Event:
		case <-l.stopped:
			return
		}
	}
}
