package agent

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/proc"
)

// ErrExit says that the agent's process has ended itself, as by logging.Fatal.
var ErrExit = errors.New("cilium-agent has ended itself")

// Source is where an incarnation of an agent learns of the cluster: one of
// Cilium's readers with all that it needs. A value serves one incarnation.
type Source interface {
	// Start begins to read over the process's connections, and to tell the sink. It
	// does not wait for what it reads. The context ends with the process.
	Start(ctx context.Context, process *proc.Process, into Sink) error
	// Synced waits for the initial lists. It fails if the source is stopped before, and
	// with an ErrExit if Cilium ends the process.
	Synced(ctx context.Context) (Lists, error)
	// Stop does what the process does when it is asked to end, and returns when that
	// is done. For a process that was killed it is called as well: its goroutines
	// wind down, without connections and unseen.
	Stop()
	// Close ends what is left, after Stop, when the process is gone.
	Close()
}

// Reader is what an agent reads beside its Source; nothing that its host's datapath waits for.
type Reader interface {
	comparable
	Start(ctx context.Context, process *proc.Process, into Sink) error
	Stop()
	Close()
}

// Beside returns a source and a reader, if there is one, as one source. The reader starts
// first, and stops last.
func Beside[R Reader](r R, s Source) Source {
	if none := *new(R); r == none {
		return s
	}
	return beside[R]{s, r}
}

type beside[R Reader] struct {
	Source
	reader R
}

func (b beside[R]) Start(ctx context.Context, process *proc.Process, into Sink) error {
	if err := b.reader.Start(ctx, process, into); err != nil {
		return err
	}
	return b.Source.Start(ctx, process, into)
}

func (b beside[R]) Stop() {
	b.Source.Stop()
	b.reader.Stop()
}

func (b beside[R]) Close() {
	b.Source.Close()
	b.reader.Close()
}

// Lists says what became of the initial lists.
type Lists struct {
	// Complete is whether they are: a source may give up waiting, after which the
	// agent goes on without.
	Complete  bool
	Endpoints history.Origin // of the first complete list of endpoints, if there was one
}

// Now is how what a reader is told now was learned of.
type Now struct{ learned atomic.Pointer[Learned] }

// Set says how what comes next was learned of.
func (n *Now) Set(from Learned) { n.learned.Store(&from) }

// Learned returns what was set last.
func (n *Now) Learned() Learned {
	if from := n.learned.Load(); from != nil {
		return *from
	}
	return Learned{}
}
