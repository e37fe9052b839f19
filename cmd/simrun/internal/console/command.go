package console

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Command is what simrun can do. Its fields hold what its flags and arguments say.
type Command interface {
	// Flags declares the flags, with their defaults.
	Flags(*Flags)
	// Run does it and returns the exit status. An error is printed as one sentence.
	Run(context.Context, *Console) (status int, err error)
}

// A Checked command refuses flags that do not fit together, before it runs.
type Checked interface{ Check() error }

// Commands are by name, which is the first argument; the command without a name is what
// flags alone run.
type Commands map[string]Entry

// An Entry is a command with its help, which has a line "Flags:", below which it says what
// the flags are; simrun stands there for the name of the program.
type Entry struct {
	New  func() Command
	Help string
	// Earlier: this is an earlier name of a command, which still works and is not told.
	Earlier bool
}

// Names tells which commands there are.
func (all Commands) Names() string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool { return name == "" || all[name].Earlier })
	return strings.Join(names, ", ") + " and help, and without a command -seed 1 runs a seed"
}

// HelpOn returns the help on a command, for a user who calls the program so.
func (all Commands) HelpOn(name, program string) string {
	entry := all[name]
	flags := FlagsOf(name, entry.New())
	text := strings.Replace(strings.TrimPrefix(entry.Help, "\n"), "Flags:\n", "Flags:\n"+flags.help.String(), 1)
	if program != "simrun" {
		text += fmt.Sprintf("\nHere simrun stands for: %s\n", program)
	}
	return text
}
