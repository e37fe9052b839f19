// Command cost measures what writes and watches cost a running kube-apiserver and its etcd, and writes a
// file of testdata/capacity. The script measure in folder real starts both, and calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/capacity"
)

// measurement is a setup in which both servers can be loaded: watchers hear of each of some writes.
type measurement struct {
	object   string
	process  string // whose CPU counts most; etcd's is counted too, if it is another's
	updates  int
	watchers [3]int // none, few, many
	run      func(ctx context.Context, watchers, updates int, during func(work func() error) error) (bytes int, err error)
}

func main() {
	var s servers
	flag.StringVar(&s.url, "url", "https://127.0.0.1:16443", "the kube-apiserver")
	flag.StringVar(&s.token, "token", "", "its bearer token")
	flag.StringVar(&s.etcd, "etcd", "http://127.0.0.1:12379", "its etcd")
	kube := flag.Int("kube-pid", 0, "the kube-apiserver's process")
	etcd := flag.Int("etcd-pid", 0, "the etcd's process")
	versions := flag.String("servers", "", "what they are, as in \"kube-apiserver 1.36.4,etcd 3.7.3\"")
	rounds := flag.Int("rounds", 3, "how often everything is measured")
	out := flag.String("out", "", "the file to write")
	flag.Parse()
	if *out == "" || *versions == "" || *kube == 0 || *etcd == 0 || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "cost: -out, -servers, -kube-pid and -etcd-pid are needed, and one round or more")
		os.Exit(2)
	}
	s.pids = map[string]int{"kube-apiserver": *kube, "etcd": *etcd}
	if err := measure(&s, strings.Split(*versions, ","), *rounds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func measure(s *servers, versions []string, rounds int, out string) error {
	f := capacity.File{Version: new(capacity.Version), Date: time.Now().UTC().Format(time.DateOnly), Servers: versions}
	f.Machine = capacity.Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), Kernel: firstLine("/proc/sys/kernel/osrelease"), Go: runtime.Version()}
	f.Machine.LoadBefore = load()
	idle, err := s.idle()
	if err != nil {
		return err
	}
	for _, m := range []measurement{
		{"a CiliumEndpoint, by a merge patch", "kube-apiserver", 150, [3]int{0, 20, 520}, s.watchObjects},
		{"a key", "etcd", 500, [3]int{0, 20, 320}, s.watchKeys},
	} {
		figures, err := s.figures(m, rounds, idle)
		if err != nil {
			return fmt.Errorf("%s: %w", m.process, err)
		}
		f.Figures = append(f.Figures, figures...)
	}
	f.Machine.LoadAfter = load()
	raw := f.Indented()
	if _, err := capacity.Read(out, raw); err != nil {
		return err
	}
	return os.WriteFile(out, raw, 0o644)
}

// figures measures a setup round by round. What a write costs is measured without watchers, what an
// event costs by the difference that many watchers make beside a few.
func (s *servers) figures(m measurement, rounds int, idle map[string]float64) ([]capacity.Figure, error) {
	samples := map[string][]float64{}
	size := 0
	for range rounds {
		var cost [3]map[string]float64
		for i, watchers := range m.watchers {
			cost[i] = map[string]float64{}
			bytes, err := m.run(context.Background(), watchers, m.updates, func(work func() error) error {
				before, begun := s.cpu(), time.Now()
				err := work()
				passed := time.Since(begun).Seconds()
				for process, now := range s.cpu() {
					cost[i][process] = now - before[process] - idle[process]*passed
				}
				return err
			})
			if err != nil {
				return nil, err
			}
			size = max(size, bytes)
		}
		add := func(process, what string, figure float64) {
			key := process + "\t" + what
			samples[key] = append(samples[key], figure)
		}
		for process := range s.pids {
			if m.process == "etcd" && process != "etcd" {
				continue
			}
			add(process, "a write of "+m.object+"\tms of CPU", cost[0][process]*1e3/float64(m.updates))
		}
		between := float64(m.updates * (m.watchers[2] - m.watchers[1]))
		add(m.process, "an event of "+m.object+", for each watcher\tµs of CPU", (cost[2][m.process]-cost[1][m.process])*1e6/between)
	}
	var figures []capacity.Figure
	for key, all := range samples {
		slices.Sort(all)
		parts := strings.Split(key, "\t")
		g := capacity.Figure{Process: parts[0], What: parts[1], Unit: parts[2], Median: round(all[len(all)/2]), Least: round(all[0]), Most: round(all[len(all)-1]), Rounds: rounds}
		if strings.HasPrefix(g.What, "an event") {
			g.Bytes = size
		}
		figures = append(figures, g)
	}
	slices.SortFunc(figures, func(a, b capacity.Figure) int {
		return strings.Compare(a.Process+a.What, b.Process+b.What)
	})
	return figures, nil
}

func round(f float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 3, 64), 64)
	if err != nil {
		return f // cannot be: it was formatted
	}
	return rounded
}
