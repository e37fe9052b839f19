package console

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Flags are those of a command, and what its help says of them.
type Flags struct {
	*flag.FlagSet
	help strings.Builder

	Arguments *[]string // get what belongs to no flag; nil if there is no such thing
	Want      string    // what the arguments must be; empty: there may be none
}

// FlagsOf returns the flags that a command declares.
func FlagsOf(name string, c Command) *Flags {
	f := &Flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	c.Flags(f)
	return f
}

// Add declares a flag by its name and the name of its value, such as "seed N", and by what
// the help says of it. What it sets has the default.
func (f *Flags) Add(into any, named, usage string) {
	name, _, _ := strings.Cut(named, " ")
	switch into := into.(type) {
	case flag.Value:
		f.Var(into, name, "")
	case *string:
		f.StringVar(into, name, *into, "")
	case *bool:
		f.BoolVar(into, name, *into, "")
	case *int:
		f.IntVar(into, name, *into, "")
	case *int64:
		f.Int64Var(into, name, *into, "")
	case *time.Duration:
		f.Var(lengthFlag{into}, name, "")
	default:
		panic(fmt.Sprintf("simrun: no flag sets a %T", into))
	}
	f.help.WriteString(text.Wrap(fmt.Sprintf("  -%-19s ", named), usage))
}

// JSON declares the flag that asks for JSON.
func (f *Flags) JSON(into *bool) {
	f.Add(into, "json", "write JSON, one object a line, in place of text")
}

// Given returns the first of the flags that the user has given, with its hyphen.
func (f *Flags) Given(names ...string) (first string) {
	f.Visit(func(given *flag.Flag) {
		if first == "" && slices.Contains(names, given.Name) {
			first = "-" + given.Name
		}
	})
	return first
}

// parse reads flags and arguments, in any order. Its error is one sentence, or
// flag.ErrHelp.
func (f *Flags) parse(args []string) error {
	help := strings.TrimSpace("simrun help " + f.Name())
	for args = spread(args); ; args = args[1:] {
		err := f.Parse(args)
		if args = f.Args(); err != nil || len(args) == 0 {
			switch {
			case errors.Is(err, flag.ErrHelp):
				return err
			case err != nil:
				return Usagef("%w; %s lists the flags", err, help)
			case f.Want != "" && len(*f.Arguments) == 0:
				return Usagef("%s needs %s", f.Name(), f.Want)
			}
			return nil
		}
		if f.Arguments == nil {
			return Usagef("there is an argument %q that belongs to no flag; %s shows examples", args[0], help)
		}
		*f.Arguments = append(*f.Arguments, args[0])
	}
}

// spread gives every file after -objects a flag of its own, since the flag package
// knows no flag with several values. An -objects without a file stays, to be
// refused.
func spread(args []string) []string {
	var all []string
	for i := 0; i < len(args); i++ {
		all = append(all, args[i])
		if args[i] != "-objects" && args[i] != "--objects" {
			continue
		}
		for first := true; i+1 < len(args) && (args[i+1] == "-" || !strings.HasPrefix(args[i+1], "-")); first = false {
			i++
			if !first {
				all = append(all, "-objects")
			}
			all = append(all, args[i])
		}
	}
	return all
}

// List is a flag that may be given several times.
type List []string

func (l *List) String() string { return strings.Join(*l, " ") }
func (l *List) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// lengthFlag is a length of wall-clock time; the commands say which they take.
type lengthFlag struct{ to *time.Duration }

func (f lengthFlag) String() string { return "" }
func (f lengthFlag) Set(value string) error {
	length, err := time.ParseDuration(value)
	if err != nil {
		return errors.New("want a length of time, such as 90s or 10m")
	}
	*f.to = length
	return nil
}

// CommandLine joins arguments so that a shell takes them apart again.
func CommandLine(program string, args ...string) string {
	for _, arg := range args {
		program += " " + quoteArgument(arg)
	}
	return program
}

func quoteArgument(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:,+@%"
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
