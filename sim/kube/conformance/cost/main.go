// Command cost measures what writes and watches cost a running kube-apiserver and its etcd, and writes a
// file of testdata/capacity: simrun calibrate -of kube-apiserver builds it, starts both, and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
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
	var size measure.Size
	size.Flags()
	flag.Parse()
	s.pids = measure.Processes{"kube-apiserver": *kube, "etcd": *etcd}
	if err := run(&s, strings.Split(*versions, ","), size); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(s *servers, versions []string, size measure.Size) error {
	f := measure.NewFile(versions)
	idle, err := s.pids.Idle()
	if err != nil {
		return err
	}
	steps := measure.Steps{Total: 3 * size.Rounds}
	for _, m := range []measurement{
		{"a CiliumEndpoint, by a merge patch", "kube-apiserver", size.Updates, [3]int{0, measure.FewWatchers, size.Watchers}, s.watchObjects},
		{"a key", "etcd", 3 * size.Updates, [3]int{0, measure.FewWatchers, size.Watchers}, s.watchKeys},
	} {
		var samples measure.Samples
		for range size.Rounds {
			if err := s.round(m, idle, &samples); err != nil {
				return fmt.Errorf("%s: %w", m.process, err)
			}
			steps.Done("writes and events of " + m.object)
		}
		f.Figures = append(f.Figures, samples.Figures()...)
	}
	var samples measure.Samples
	for range size.Rounds {
		if err := s.reads(context.Background(), idle, &samples); err != nil {
			return fmt.Errorf("reads: %w", err)
		}
		steps.Done("reads")
	}
	f.Figures = append(f.Figures, samples.Figures()...)
	return measure.Write(&f, size.Out)
}

// round measures a setup once. What a write costs is measured without watchers, what an event costs by
// the difference that many watchers make beside a few.
func (s *servers) round(m measurement, idle map[string]float64, samples *measure.Samples) error {
	size := 0
	var cost [3]map[string]float64
	for i, watchers := range m.watchers {
		bytes, err := m.run(context.Background(), watchers, m.updates, func(work func() error) (err error) {
			cost[i], err = s.pids.During(idle, work)
			return err
		})
		if err != nil {
			return err
		}
		size = max(size, bytes)
	}
	for process := range s.pids {
		if m.process == "etcd" && process != "etcd" {
			continue
		}
		samples.Add(process, "a write of "+m.object, "ms of CPU", 0, cost[0][process]*1e3/float64(m.updates))
	}
	between := float64(m.updates * (m.watchers[2] - m.watchers[1]))
	samples.Add(m.process, "an event of "+m.object+", for each watcher", "µs of CPU", size, (cost[2][m.process]-cost[1][m.process])*1e6/between)
	return nil
}
