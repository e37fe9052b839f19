// Command simrun runs Cilium's control plane in a simulated world, one seed at a
// time or thousands, and judges what its agents saw. Run "simrun help".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// The exit statuses. A property that could not be decided is not a pass: it has
// the status of a broken one, and a sentence that says so.
const (
	statusHold        = 0   // all properties hold, or all histories are equal
	statusBroken      = 1   // a property is broken or undecided, or histories differ
	statusUsage       = 2   // bad flags or bad input
	statusHarness     = 3   // the worker could not be built, crashed, hung or grew too large; or judging a history went wrong
	statusInterrupted = 130 // SIGINT, SIGTERM or SIGHUP, with the status that shells have for the first
)

// status is the exit status of a verdict.
func status(v checker.Verdict) int {
	switch v.Outcome() {
	case checker.Pass:
		return statusHold
	case checker.Mistake:
		return statusHarness
	}
	return statusBroken
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	c := newConsole(programName(), os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd())))
	if width, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		c.width, c.height = width, height
		c.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // no-color.org
	}
	os.Exit(c.main(ctx, os.Args[1:]))
}

// console is where a command talks to its user.
type console struct {
	name     string // how the user calls this program, for commands to copy
	stdout   io.Writer
	stderr   io.Writer
	progress *progress
	places   []string // of the objects that were loaded, in their order
	width    int      // of the terminal that stdout is; zero: it is none
	height   int      // likewise
	color    bool     // it shows colours, and the user wants them

	build func(context.Context, det.BuildConfig) (path string, err error) // of workers with repairs
}

// style is how text is laid out for the user.
func (c *console) style(all bool) report.Style {
	return report.Style{All: all, Width: c.width, Height: c.height, Color: c.color}
}

func newConsole(name string, stdout, stderr io.Writer, terminal bool) *console {
	p := &progress{w: stderr, terminal: terminal}
	return &console{name: name, stdout: p.before(stdout), stderr: p.before(stderr), progress: p, build: det.Build}
}

// text is where a command that may write JSON in place of text writes text.
func (c *console) text(asJSON bool) io.Writer {
	if asJSON {
		return io.Discard
	}
	return c.stdout
}

// main runs a command line and returns the exit status.
func (c *console) main(ctx context.Context, args []string) int {
	name := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if name == "help" {
		return c.help(args)
	}
	entry, found := commands[name]
	if !found {
		return c.fail(usageErrorf("there is no command %q; the commands are %s", name, commandNames()))
	}
	status, command := statusHold, entry.command()
	err := flagsOf(name, command).parse(args)
	if err == nil {
		status, err = command.run(ctx, c)
	}
	c.progress.clear()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(c.stdout, helpOn(name, c.name))
		return statusHold
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(c.stderr, "simrun: interrupted")
		return statusInterrupted
	case err != nil:
		return c.fail(err)
	}
	return status
}

// fail prints an error as one sentence and returns its status.
func (c *console) fail(err error) int {
	fmt.Fprintf(c.stderr, "simrun: %v\n", err)
	var (
		usage    *usageError
		mismatch *det.Mismatch
		large    *drive.TooLarge
		cilium   *det.BadCilium
	)
	if errors.As(err, &usage) || errors.As(err, &cilium) || errors.As(err, &mismatch) || errors.As(err, &large) {
		return statusUsage
	}
	return statusHarness
}

// help prints the help of a command, or of the program.
func (c *console) help(args []string) int {
	name := strings.Join(args, " ")
	if _, found := commands[name]; !found {
		return c.fail(usageErrorf("there is no help on %q; the commands are %s", name, commandNames()))
	}
	fmt.Fprint(c.stdout, helpOn(name, c.name))
	return statusHold
}

// eachFile does something with one file after the other. One that is not what it should be
// does not keep the others from it. The status is the worst.
func (c *console) eachFile(ctx context.Context, files []string, do func(file string) (status int, err error)) (int, error) {
	worst := statusHold
	for _, file := range files {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		status, err := do(file)
		var usage *usageError
		if errors.As(err, &usage) {
			status, err = c.fail(err), nil
		}
		if err != nil {
			return 0, err
		}
		worst = max(worst, status)
	}
	return worst, nil
}

// usageError is an error that the user can correct: a flag, a file.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usageErrorf(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// programName returns how the user can call this program again: go run leaves
// the program in a directory that is gone afterwards.
func programName() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/simrun"
	}
	if slices.Contains(filepath.SplitList(os.Getenv("PATH")), filepath.Dir(os.Args[0])) {
		return filepath.Base(os.Args[0])
	}
	return os.Args[0]
}
