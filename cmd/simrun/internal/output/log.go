package output

import (
	"context"
	"os"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/internal/files"
)

// A LogFile is where the log of a run goes. What cannot be written ends the run: the worker
// would see a broken pipe, which looks like a crash of its own.
type LogFile struct {
	flag   string
	file   *os.File
	stop   context.CancelFunc // of the run
	failed error              // the first time
}

// OpenLog opens the log that a flag names, for a run in the context that it returns.
func OpenLog(ctx context.Context, flag, path string) (context.Context, *LogFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return ctx, nil, console.Usagef("-%s %s: cannot write it: %w", flag, path, files.Plain(err))
	}
	ctx, stop := context.WithCancel(ctx)
	return ctx, &LogFile{flag: flag, file: f, stop: stop}, nil
}

func (f *LogFile) Write(b []byte) (int, error) {
	if f.failed == nil {
		if _, f.failed = f.file.Write(b); f.failed != nil {
			f.stop()
		}
	}
	return len(b), nil
}

// Close closes the file, if there is one, and says why it has not all of the log, if so. It
// ends the run.
func (f *LogFile) Close() error {
	if f == nil {
		return nil
	}
	f.stop()
	f.file.Close() // what it could not write is known
	if f.failed != nil {
		return console.Usagef("-%s %s: cannot write it: %w", f.flag, f.file.Name(), files.Plain(f.failed))
	}
	return nil
}
