package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
)

// flags are those of a command, and what its help says of them.
type flags struct {
	*flag.FlagSet
	help strings.Builder

	arguments *[]string // get what belongs to no flag; nil if there is no such thing
	want      string    // what the arguments must be; empty: there may be none
}

// flagsOf returns the flags that a command declares.
func flagsOf(name string, c command) *flags {
	f := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	c.flags(f)
	return f
}

// add declares a flag by its name and the name of its value, such as "seed N", and by what
// the help says of it. What it sets has the default.
func (f *flags) add(into any, named, usage string) {
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

// json declares the flag that asks for JSON.
func (f *flags) json(into *bool) {
	f.add(into, "json", "write JSON, one object a line, in place of text")
}

// given returns the first of the flags that the user has given, with its hyphen.
func (f *flags) given(names ...string) (first string) {
	f.Visit(func(given *flag.Flag) {
		if first == "" && slices.Contains(names, given.Name) {
			first = "-" + given.Name
		}
	})
	return first
}

// parse reads flags and arguments, in any order. Its error is one sentence, or
// flag.ErrHelp.
func (f *flags) parse(args []string) error {
	help := strings.TrimSpace("simrun help " + f.Name())
	for args = spread(args); ; args = args[1:] {
		err := f.Parse(args)
		if args = f.Args(); err != nil || len(args) == 0 {
			switch {
			case errors.Is(err, flag.ErrHelp):
				return err
			case err != nil:
				return usageErrorf("%w; %s lists the flags", err, help)
			case f.want != "" && len(*f.arguments) == 0:
				return usageErrorf("%s needs %s", f.Name(), f.want)
			}
			return nil
		}
		if f.arguments == nil {
			return usageErrorf("there is an argument %q that belongs to no flag; %s shows examples", args[0], help)
		}
		*f.arguments = append(*f.arguments, args[0])
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

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }
func (l *list) Set(value string) error {
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

// seedsFlag is a range of seeds, A-B or one number.
type seedsFlag struct {
	drive.Seeds
	given bool
}

func (f *seedsFlag) String() string { return fmt.Sprintf("%d-%d", f.First, f.Last) }
func (f *seedsFlag) Set(value string) error {
	first, last, isRange := strings.Cut(value, "-")
	if !isRange {
		last = first
	}
	var errs [2]error
	f.First, errs[0] = strconv.ParseUint(first, 10, 64)
	f.Last, errs[1] = strconv.ParseUint(last, 10, 64)
	switch {
	case errs[0] != nil || errs[1] != nil:
		return errors.New("want two whole numbers such as 0-99")
	case f.First > f.Last:
		return errors.New("the first seed is above the last")
	case f.Last-f.First >= math.MaxInt32:
		return errors.New("these are more seeds than any machine can run")
	}
	f.given = true
	return nil
}

// modeFlag is the mode of the plans to draw. It is empty for the default one.
type modeFlag string

func (f *modeFlag) String() string { return string(*f) }
func (f *modeFlag) Set(value string) error {
	modes := mode.SimulatedNames()
	given, err := mode.Parse(value)
	switch i := slices.Index(modes, given.String()); {
	case err != nil || i < 0:
		return fmt.Errorf("the modes that plans are drawn for are %s", strings.Join(modes, ", "))
	case i == 0:
		*f = ""
	default:
		*f = modeFlag(modes[i])
	}
	return nil
}

// arguments returns the flag as a user would give it.
func (f modeFlag) arguments() []string {
	if f == "" {
		return nil
	}
	return []string{"-mode", string(f)}
}

// seedFlag is one seed.
type seedFlag struct {
	seed  uint64
	given bool
}

func (f *seedFlag) String() string { return strconv.FormatUint(f.seed, 10) }
func (f *seedFlag) Set(value string) (err error) {
	if f.seed, err = strconv.ParseUint(value, 10, 64); err != nil {
		return errors.New("want a whole number from 0 to 18446744073709551615")
	}
	f.given = true
	return nil
}

// commandLine joins arguments so that a shell takes them apart again.
func commandLine(program string, args ...string) string {
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

// failOn says which broken properties have the exit status of a failure: any, or those
// that no repair takes away.
type failOn struct{ news bool }

func (f *failOn) String() string { return "" }
func (f *failOn) Set(value string) error {
	if value != "any" && value != "news" {
		return errors.New("want any or news")
	}
	f.news = value == "news"
	return nil
}

// status is the exit status of a verdict, with what was measured of what is broken. What is
// undecided is never a pass.
func (f failOn) status(v checker.Verdict, measured []report.Judged) int {
	undecided := slices.ContainsFunc(v.Results, func(r checker.Result) bool { return r.Outcome == checker.Unknown })
	if !f.news || v.Outcome() != checker.Fail || undecided {
		return status(v)
	}
	return standingStatus(measured)
}

// summaryStatus is the exit status of a campaign: a failure of the harness comes
// first, since it hides what the seeds would have shown.
func (f failOn) summaryStatus(s *report.Summary) int {
	switch {
	case s.Failed() > 0:
		return statusHarness
	case f.news && s.News()+s.Unsure() > 0, !f.news && s.Failing()+s.Undecided() > 0:
		return statusBroken
	}
	return statusHold
}
