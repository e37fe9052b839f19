package etcd

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// retryTime is what a member's attempt to publish itself takes that is refused at once. In
// reality it takes a processor's time, some of it for the line of the log that tells of it;
// here code takes none, and a member that tries without a pause would do so for ever at one
// instant (etcd: server/etcdserver, publishV3).
const retryTime = time.Millisecond

// unpublished is the line.
const unpublished = "failed to publish local member to cluster through raft"

// paced returns a log that lets time pass at such a line.
func paced(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return pace{c} }))
}

type pace struct{ zapcore.Core }

// Enabled is asked before a line is made: this one is whether or not anybody reads it.
func (p pace) Enabled(level zapcore.Level) bool {
	return level == zapcore.WarnLevel || p.Core.Enabled(level)
}

func (p pace) With(fields []zapcore.Field) zapcore.Core { return pace{p.Core.With(fields)} }

func (p pace) Check(entry zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Message == unpublished {
		time.Sleep(retryTime)
	}
	if !p.Core.Enabled(entry.Level) {
		return to
	}
	return p.Core.Check(entry, to)
}
