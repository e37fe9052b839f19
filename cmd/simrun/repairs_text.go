package main

import (
	"fmt"
	"io"

	"github.com/meshcheck/meshcheck/internal/repairs"
)

func printShown(w io.Writer, width int, s repairs.Shown) error {
	_, err := fmt.Fprintf(w, "%-*s  %8d  %4d  %d seeds of %s\n", width, s.Repair, s.Without, s.With, s.Seeds, s.Plan)
	switch {
	case s.With > 0:
		_, err = fmt.Fprintf(w, "    still     %s\n", s.First)
	case s.Open > 0:
		_, err = fmt.Fprintf(w, "    open      %d seeds say nothing with the repair: the run ended early, or no view was judged\n", s.Open)
	case s.Without == 0:
		_, err = fmt.Fprintf(w, "    unshown   no seed shows the finding, so that the repair proves nothing; try -seeds 100 or -vary\n")
	}
	return err
}

func printSwept(w io.Writer, s repairs.Swept) error {
	_, err := fmt.Fprintf(w, "with all repairs  %d of %d seeds keep all that is promised; %d leave a property undecided; in %d the code under test panics\n",
		s.Keep, s.Seeds, len(s.Undecided), len(s.Crashed))
	for _, l := range s.Left {
		of, promised := l.Property, "promised"
		if l.Kind != "" {
			of += " of " + l.Kind
		}
		if !l.Promised {
			promised = "not promised"
		}
		if l.Cause != "" {
			promised += ", looks like " + l.Cause
		}
		if _, err = fmt.Fprintf(w, "%s (%s): seeds %v; without the repairs %v of these\n    %s\n", of, promised, l.Seeds, l.Without, l.First); err != nil {
			return err
		}
	}
	return err
}
