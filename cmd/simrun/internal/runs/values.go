package runs

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/model/mode"
)

// Seeds is a range of seeds, A-B or one number.
type Seeds struct {
	drive.Seeds
	Given bool
}

func (f *Seeds) String() string { return fmt.Sprintf("%d-%d", f.First, f.Last) }
func (f *Seeds) Set(value string) error {
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
	f.Given = true
	return nil
}

// Mode is the mode of the plans to draw; empty if none was given.
type Mode string

// Drawn is the mode as families have it that are drawn in one: empty for the default one.
func (f Mode) Drawn() string {
	if string(f) == mode.Default.String() {
		return ""
	}
	return string(f)
}

func (f *Mode) String() string { return string(*f) }
func (f *Mode) Set(value string) error {
	modes := mode.Variants()
	given, err := mode.Parse(value)
	if err != nil || !slices.Contains(modes, given.String()) {
		return fmt.Errorf("the modes that plans are drawn for are %s", strings.Join(modes, ", "))
	}
	*f = Mode(given.String())
	return nil
}

// Arguments returns the flag as a user would give it.
func (f Mode) Arguments() []string {
	if f == "" {
		return nil
	}
	return []string{"-mode", string(f)}
}

// Seed is one seed.
type Seed struct {
	N     uint64
	Given bool
}

func (f *Seed) String() string { return strconv.FormatUint(f.N, 10) }
func (f *Seed) Set(value string) (err error) {
	if f.N, err = strconv.ParseUint(value, 10, 64); err != nil {
		return errors.New("want a whole number from 0 to 18446744073709551615")
	}
	f.Given = true
	return nil
}
