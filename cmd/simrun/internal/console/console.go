// Package console is where a command of simrun meets its user: the command line and its
// flags, help, progress, errors of one sentence, exit statuses.
package console

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/sim/det"
)

// Console is where a command talks to its user.
type Console struct {
	Name     string // how the user calls this program, for commands to copy
	Stdout   io.Writer
	Stderr   io.Writer
	Progress *Progress

	// Builder builds workers.
	Builder func(context.Context, det.BuildConfig) (path string, err error)
	// Places are those of the objects that were loaded, in their order: a worker's refusal
	// names an object by its number.
	Places []string

	width, height int  // of the terminal that stdout is; zero: it is none
	color         bool // it shows colours, and the user wants them
}

// New returns a console. Terminal tells whether stderr is one.
func New(name string, stdout, stderr io.Writer, terminal bool) *Console {
	p := &Progress{w: stderr, terminal: terminal}
	return &Console{Name: name, Stdout: p.Before(stdout), Stderr: p.Before(stderr), Progress: p, Builder: det.Build}
}

// OfProcess returns the console of this process.
func OfProcess(name string) *Console {
	c := New(name, os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd())))
	if width, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		c.width, c.height = width, height
		c.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // no-color.org
	}
	return c
}

// Style is how text is laid out for the user.
func (c *Console) Style(all bool) report.Style {
	return report.Style{All: all, Width: c.width, Height: c.height, Color: c.color}
}

// Text is where a command that may write JSON in place of text writes text.
func (c *Console) Text(asJSON bool) io.Writer {
	if asJSON {
		return io.Discard
	}
	return c.Stdout
}

// Notice tells the user a sentence beside what was asked for.
func (c *Console) Notice(sentence string) { fmt.Fprintf(c.Stderr, "simrun: %s\n", sentence) }

// Build builds a worker, and shows how far that is.
func (c *Console) Build(ctx context.Context, cfg det.BuildConfig) (path string, err error) {
	if cfg.Progress == nil {
		cfg.Progress = c.Progress.Log
	}
	return c.Builder(ctx, cfg)
}

// Main runs a command line and returns the exit status.
func (c *Console) Main(ctx context.Context, commands Commands, args []string) int {
	name := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if name == "help" {
		return c.help(commands, strings.Join(args, " "))
	}
	entry, found := commands[name]
	if !found {
		return c.Fail(Usagef("there is no command %q; the commands are %s", name, commands.Names()))
	}
	status, err := c.Run(ctx, name, entry.New(), args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return c.help(commands, name)
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(c.Stderr, "simrun: interrupted")
		return StatusInterrupted
	case err != nil:
		return c.Fail(err)
	}
	return status
}

// Run runs one command with its flags and arguments.
func (c *Console) Run(ctx context.Context, name string, command Command, args []string) (status int, err error) {
	defer c.Progress.Clear()
	if err = FlagsOf(name, command).parse(args); err != nil {
		return 0, err
	}
	if checked, ok := command.(Checked); ok {
		if err = checked.Check(); err != nil {
			return 0, err
		}
	}
	return command.Run(ctx, c)
}

// help prints the help of a command, or of the program.
func (c *Console) help(commands Commands, name string) int {
	if _, found := commands[name]; !found {
		return c.Fail(Usagef("there is no help on %q; the commands are %s", name, commands.Names()))
	}
	fmt.Fprint(c.Stdout, commands.HelpOn(name, c.Name))
	return StatusHold
}

// EachFile does something with one file after the other. One that is not what it should be
// does not keep the others from it. The status is the worst.
func (c *Console) EachFile(ctx context.Context, files []string, do func(file string) (status int, err error)) (int, error) {
	worst := StatusHold
	for _, file := range files {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		status, err := do(file)
		var usage *usageError
		if errors.As(err, &usage) {
			status, err = c.Fail(err), nil
		}
		if err != nil {
			return 0, err
		}
		worst = max(worst, status)
	}
	return worst, nil
}
