// Package process is a worker's main function: one run of the world. A worker is built and
// started by package det: it reads the plan from a file in its working directory, writes the
// history to another, and reports progress on its standard output (see det.Status).
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/cilium"
	"github.com/meshcheck/meshcheck/sim/det"
	"github.com/meshcheck/meshcheck/sim/hosts"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
	"github.com/meshcheck/meshcheck/sim/meter"
	"github.com/meshcheck/meshcheck/sim/workload"
)

// Main does not return. What whole makes whole agents of is nil in the worker that has none.
func Main(whole func(agent.Daemon) (agent.Whole, error)) {
	os.Stdout.WriteString(det.Greeting)
	data, err := os.ReadFile(det.PlanFile)
	if err != nil {
		fatal(err)
	}
	plan, err := fault.Read(det.PlanFile, data)
	if err == nil {
		err = workload.CheckObjects(plan.Objects)
	}
	if err == nil && whole == nil && plan.HasWhole() {
		err = errors.New("options.agents: this worker has no whole agents; simrun build-worker -whole -o FILE makes one that has, and without -worker simrun does so itself")
	}
	if err != nil {
		report(det.Status{Refused: err.Error()})
		os.Exit(2)
	}
	out, err := os.Create(det.HistoryFile)
	if err != nil {
		fatal(err)
	}
	cfg := sim.Config{
		History: out,
		Whole:   whole,
		OnProgress: func(virtual time.Duration, records int, phase string) {
			report(det.Status{Progress: det.Progress{Virtual: virtual, Records: records, Phase: phase}})
		},
	}
	cfg.Log, cfg.ZapLog = logs(slices.Contains(os.Args[1:], det.LogFlag))
	finish := profile(slices.Contains(os.Args[1:], det.CPUProfileFlag), slices.Contains(os.Args[1:], det.MemProfileFlag))

	kubeclient.Fit()

	// A bubble needs a testing.T to report a deadlock to; no method of this one
	// is ever called, since the process ends inside the bubble.
	synctest.Test(new(testing.T), func(*testing.T) {
		defer func() {
			if p := recover(); p != nil { // before package testing reports it to its T
				fatal(fmt.Errorf("panic: %v\n\n%s", p, debug.Stack()))
			}
		}()
		stats, err := sim.Run(plan, cfg)
		if err != nil {
			fatal(err)
		}
		st := det.Status{Progress: det.Progress{Virtual: stats.Virtual, Records: stats.Records, Phase: "end"}, Done: true}
		st.Runtime, st.Picks, st.Unseeded = runtimeStats()
		finish()
		must(meter.Write(create(det.MetricsFile)))
		report(st)
		os.Exit(0)
	})
}

// logs returns the logs of the code under test: to standard error, or nowhere.
func logs(on bool) (*slog.Logger, *zap.Logger) {
	if !on {
		klog.SetLogger(logr.Discard())
		return slog.New(slog.DiscardHandler), zap.NewNop()
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = func(at time.Time, to zapcore.PrimitiveArrayEncoder) { to.AppendString(virtual(at)) }
	encoder := zapcore.NewConsoleEncoder(encoding)
	text := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.String(slog.TimeKey, virtual(a.Value.Time()))
		}
		return a
	}})
	klog.SetLogger(logr.FromSlogHandler(byHost{text}))
	etcd := zap.New(zapByHost{zapcore.NewCore(encoder, zapcore.AddSync(os.Stderr), zap.InfoLevel)})
	cilium.LogEtcdClients(etcd.Named("etcd-client"))
	return slog.New(text), etcd
}

// virtual is an instant as the history has it: since the start of the bubble, whose clock
// begins so.
func virtual(at time.Time) string {
	return fmt.Sprintf("%.6fs", at.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Seconds())
}

// byHost is for client-go's log, of which a process has only one: it says which host
// a message comes from.
type byHost struct{ slog.Handler }

func (h byHost) Handle(ctx context.Context, r slog.Record) error {
	name, _ := hosts.Current()
	r.AddAttrs(slog.String("host", name))
	return h.Handler.Handle(ctx, r)
}

func (h byHost) WithAttrs(attrs []slog.Attr) slog.Handler { return byHost{h.Handler.WithAttrs(attrs)} }

func (h byHost) WithGroup(name string) slog.Handler { return byHost{h.Handler.WithGroup(name)} }

// zapByHost is the same for the logs of etcds and of their clients.
type zapByHost struct{ zapcore.Core }

func (h zapByHost) With(fields []zapcore.Field) zapcore.Core { return zapByHost{h.Core.With(fields)} }

func (h zapByHost) Check(entry zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if h.Enabled(entry.Level) {
		return to.AddCore(entry, h)
	}
	return to
}

func (h zapByHost) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	name, _ := hosts.Current()
	return h.Core.Write(entry, append(slices.Clone(fields), zap.String("host", name)))
}

func report(st det.Status) {
	b, err := json.Marshal(st)
	if err != nil {
		fatal(err)
	}
	os.Stdout.Write(append(b, '\n'))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "worker:", err)
	os.Exit(1)
}
