package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/fault/objects"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mode"
)

// parse reads flags into a set. Its error is one sentence, or flag.ErrHelp.
func parse(set *flag.FlagSet, args []string) error {
	set.Init(set.Name(), flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	err := set.Parse(spread(args))
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageErrorf("%w; %s lists the flags", err, strings.TrimSpace("simrun help "+set.Name()))
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
		for first := true; i+1 < len(args) && !strings.HasPrefix(args[i+1], "-"); first = false {
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

// loadObjects loads the objects of -objects, if any, and says what they are.
func (c *console) loadObjects(files list) ([]json.RawMessage, error) {
	if len(files) == 0 {
		return nil, nil
	}
	loaded, summary, err := objects.Load(files...)
	if err != nil {
		return nil, &usageError{err}
	}
	for _, line := range summary.Lines() {
		fmt.Fprintf(c.stderr, "objects: %s\n", line)
	}
	return loaded, nil
}
