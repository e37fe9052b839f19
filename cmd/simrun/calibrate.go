package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/output"
	"github.com/meshcheck/meshcheck/internal/calibrate"
	"github.com/meshcheck/meshcheck/internal/capacity/measure"
)

const calibrateHelp = `
calibrate measures what real servers cost on this machine, in CPU: a write, a read,
an event for each watcher, a change that the writer hands on. A plan has such figures
as its capacity (docs/plan.md), and simrun load computes with those in testdata/capacity.

  simrun calibrate                      etcd, and Cilium's writer and reader
  simrun calibrate -of kube-apiserver   a kube-apiserver and its etcd

Both are built from the sources that go.mod names, so it needs a checkout and Go, and
the second bash, curl, openssl and 7 minutes of CPU for the build. They run on loopback,
each in a process of its own. What is written has the machine, its load before and
after, the versions, and of each figure the median of the rounds, the least and the most.
On a machine with other work figures are too high: look at loadBefore and loadAfter
before you rely on them. A round takes a minute or two.

Flags:

Examples:
  simrun calibrate -o cilium.json
  simrun calibrate -of kube-apiserver -rounds 5 -o kube-apiserver.json
  simrun calibrate -rounds 1 -watchers 40 -updates 200 -o quick.json

Exit status: 0 if it is measured, 2 for bad flags, 3 if something cannot be built or
measured, 130 if it was interrupted, which leaves nothing behind.
`

// calibration is the command that measures prices.
type calibration struct {
	of    string
	size  measure.Size
	given *console.Flags
}

func (k *calibration) Flags(f *console.Flags) {
	k.of = calibrate.Targets[0].Name
	var names, defaults []string
	for _, t := range calibrate.Targets {
		names = append(names, t.Name+" ("+t.Of+")")
		defaults = append(defaults, fmt.Sprintf("%s: %d, %d, %d", t.Name, t.Size.Rounds, t.Size.Watchers, t.Size.Updates))
	}
	f.Add(&k.of, "of WHAT", "what is measured: "+strings.Join(names, " or ")+"; "+k.of)
	f.Add(&k.size.Out, "o FILE", "the file to write; the one of testdata/capacity that is named after what is measured and its version")
	f.Add(&k.size.Rounds, "rounds N", "how often everything is measured; with -watchers and -updates, of "+strings.Join(defaults, "; of "))
	f.Add(&k.size.Watchers, "watchers N", fmt.Sprintf("how many watchers there are at most; an event's cost is the difference to %d", measure.FewWatchers))
	f.Add(&k.size.Updates, "updates M", "how many updates a round's figure is the mean of; of what is cheap it is of more")
	k.given = f
}

// Check is what can be said before anything is built.
func (k *calibration) Check() error {
	t := k.target()
	if t == nil {
		return console.Usagef("-of %s: that cannot be measured; what can is %s", k.of, strings.Join(targetNames(), " and "))
	}
	for _, n := range []struct {
		flag                 string
		value                *int
		least, most, usually int
	}{
		{"rounds", &k.size.Rounds, calibrate.Smallest.Rounds, 100, t.Size.Rounds},
		{"watchers", &k.size.Watchers, calibrate.Smallest.Watchers, 10_000, t.Size.Watchers},
		{"updates", &k.size.Updates, calibrate.Smallest.Updates, 100_000, t.Size.Updates},
	} {
		switch {
		case k.given.Given(n.flag) == "":
			*n.value = n.usually
		case *n.value < n.least || *n.value > n.most:
			return console.Usagef("-%s %d: it must be %d to %d", n.flag, *n.value, n.least, n.most)
		}
	}
	return output.Check(nil, output.To("o", k.size.Out, output.Capacity, false))
}

func (k *calibration) target() *calibrate.Target {
	i := slices.IndexFunc(calibrate.Targets, func(t calibrate.Target) bool { return t.Name == k.of })
	if i < 0 {
		return nil
	}
	return &calibrate.Targets[i]
}

func targetNames() (names []string) {
	for _, t := range calibrate.Targets {
		names = append(names, t.Name)
	}
	return names
}

func (k *calibration) Run(ctx context.Context, c *console.Console) (int, error) {
	begun := time.Now()
	end := c.Progress.KeepSaying("calibrate " + k.of)
	path, err := k.target().Run(ctx, k.size, func(line string) {
		c.Progress.Show("%s, after %s", line, time.Since(begun).Round(time.Second))
	})
	end()
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(c.Stdout, path)
	return console.StatusHold, err
}
