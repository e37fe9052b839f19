package page

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/model/mesh"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report"
	"github.com/meshcheck/meshcheck/report/life"
	"github.com/meshcheck/meshcheck/report/plot"
)

func TestPageOfAGoodRun(t *testing.T) {
	p := open(t, pageOf(t, "clean", golden(t, "clean")), "")
	p.paints("lanes")
	p.paints("overview")
	require.Equal(t, "pass", p.text(`document.getElementById("badge").textContent`))
	require.GreaterOrEqual(t, p.number(`page.timeline.lanes.length`), 4.0)
	for _, tab := range []string{"life", "record", "measures", "plan", "found", "keys", "verdict"} {
		p.click("#tab-" + tab)
		require.NotEmpty(t, p.text(`document.getElementById("panel").textContent`), tab)
	}
	p.silent()
}

func TestPageOfAFailingRun(t *testing.T) {
	file := pageOf(t, "monotonic", golden(t, "monotonic"))
	p := open(t, file, "")
	require.Equal(t, "fail", p.text(`document.getElementById("badge").textContent`))

	// A jump lands on the violation's instant, and opens the life of its entry.
	p.click(`.violation[data-v="1"]`)
	p.until(`page.timeline.violation === 1 && page.tabs.open === "life"`)
	require.Equal(t, p.number(`page.run.violations[0].at`), p.number(`page.records.at[page.timeline.selected]`))
	require.Equal(t, 1.0, p.number(`+(page.timeline.from < page.run.violations[0].at && page.timeline.to > page.run.violations[0].at)`), "its instant is in sight")
	require.Contains(t, p.text(`document.getElementById("panel").textContent`), "The first wrong step")
	require.Greater(t, p.number(`document.querySelectorAll("#panel tr.step").length`), 5.0)
	require.Contains(t, p.text(`location.hash`), "v=1")

	// The same address shows the same.
	again := open(t, file, p.text(`location.hash`))
	again.until(`page.timeline.violation === 1`)
	for _, shown := range []string{`page.timeline.selected`, `page.timeline.from`, `page.timeline.to`, `page.entry`} {
		require.InDelta(t, p.number(shown), again.number(shown), 10, shown)
	}
	again.silent()

	// An instant and a violation are enough.
	short := open(t, file, "#t=2s&v=1")
	require.Equal(t, 1.0, short.number(`page.timeline.violation`))
	require.Equal(t, 1.0, short.number(`+(page.timeline.from <= 2e9 && page.timeline.to >= 2e9)`))
	short.silent()
	p.silent()
}

// The page tells the life of an entry as simrun explain does, of all agents and of one.
func TestPageTellsLivesAsExplainDoes(t *testing.T) {
	for _, name := range []string{"monotonic", "convergence", "owner", "single-source"} {
		h := golden(t, name)
		x := index.New(h)
		p := open(t, pageOf(t, name, h), "")
		for _, e := range []int{0, len(x.Views.Entries) / 2, len(x.Views.Entries) - 1} {
			entry := index.EntryKey{Kind: x.Views.Entries[e].Kind, Key: x.Views.Entries[e].Key}
			for _, agent := range []string{"", x.Views.Agents[0]} {
				var agents []string
				if agent != "" {
					agents = []string{agent}
				}
				l, err := life.Of(x, entry, agents...)
				require.NoError(t, err)
				require.Empty(t, l.Left)
				var want []string
				for _, s := range l.Steps {
					want = append(want, fmt.Sprintf("%s|%s|%s|%d", text.Seconds(s.At), s.Where, s.Text, life.Line(s.Record)))
				}
				p.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`page.openLife(%d, %q)`, e, agent)))
				got := p.text(`[...document.querySelectorAll("#panel tr.step")].map((r) => [...r.cells].map((c) => c.textContent).join("|")).join("\n")`)
				require.Equal(t, strings.Join(want[:min(len(want), 300)], "\n"), got, "%s: %s of %q", name, entry, agent)
			}
		}
		p.silent()
	}
}

// Of every violation the page says whose step was the first wrong one, also of one that is about no entry of a
// view, and how to see what the code under test logged then.
func TestPageSaysWhichStepWasWrong(t *testing.T) {
	for _, name := range []string{"steady", "etcd-members", "leaks", "monotonic"} {
		h := golden(t, name)
		x := index.New(h)
		run := &report.Run{Name: name, Verdict: checker.Check(x, checker.Config{}), Records: len(h.Records)}
		run.Explain = func(n int) string { return fmt.Sprintf("simrun explain %s -violation %d", name, n) }
		var b bytes.Buffer
		require.NoError(t, Run(&b, run, x))
		p := open(t, saved(t, b.Bytes()), "#v=1")
		p.until(`page.timeline.violation === 1`)
		said := p.text(`document.getElementById("panel").textContent`)
		require.Contains(t, said, "The first wrong step: ", name)
		if host := p.text(`page.run.violations[0].chain.host`); host != "" {
			require.Contains(t, said, "simrun explain "+name+" -violation 1 -log "+host)
		}
		require.Positive(t, p.number(`document.querySelectorAll("#panel tr.step").length`)+p.number(`+(page.run.violations[0].records[0] >= page.records.count)`), name)
		p.silent()
	}
}

// Everything is there for those who have no mouse.
func TestPageByKeys(t *testing.T) {
	p := open(t, pageOf(t, "monotonic", golden(t, "monotonic")), "")
	p.key("n")
	p.until(`page.timeline.violation > 0`)
	require.Contains(t, p.text(`document.getElementById("status").textContent`), "violation 1 of ")
	selected := p.number(`page.timeline.selected`)
	p.run(chromedp.Focus(chromedp.CSS("#scroll")), chromedp.KeyEvent(kb.ArrowLeft))
	require.Less(t, p.number(`page.timeline.selected`), selected)
	wide := p.number(`page.timeline.to - page.timeline.from`)
	p.key("+")
	require.Less(t, p.number(`page.timeline.to - page.timeline.from`), wide)
	p.key("0")
	require.Greater(t, p.number(`page.timeline.to - page.timeline.from`), wide)

	p.key("/")
	require.Equal(t, "search", p.text(`document.activeElement.id`))
	p.run(chromedp.Evaluate[chromedp.Void](`document.getElementById("search").value = ""`)) // chromedp types the slash, too, which the page has refused
	p.run(chromedp.SendKeys(chromedp.CSS("#search"), "see 10.0.0.5\r"))
	p.until(`page.hits && page.hits.length > 0 && page.tabs.open === "found"`)
	require.Equal(t, 0.0, p.number(`page.hits.filter((i) => !page.records.sentence(i).includes("10.0.0.5")).length`), "all that is found has what was searched for")
	require.Contains(t, p.text(`location.hash`), "q=")
	p.key("t")
	require.NotEmpty(t, p.text(`document.documentElement.dataset.theme`))
	p.paints("lanes")
	p.silent()
}

func TestPageOfAnEmptyRun(t *testing.T) {
	p := open(t, pageOf(t, "empty", &history.History{Plan: "{}"}), "#t=3s&v=9&e=endpoint/nothing")
	require.Equal(t, "unknown", p.text(`document.getElementById("badge").textContent`))
	for _, key := range []string{"n", "p", "+", "0", "a", "?"} {
		p.key(key)
	}
	p.silent()
}

// A link that leads nowhere opens the page all the same.
func TestPagesOpenByWrongLinks(t *testing.T) {
	run := pageOf(t, "monotonic", golden(t, "monotonic"))
	model, _ := modelFile(t)
	wrong := []string{"#v=9999", "#v=-1&t=abc", "#t=abc&w=x", "#t=-5s&w=0s", "#t=1e30s&w=1e30s", "#r=0&e=endpoint", "#q=%E0%A4%A", "#&&=&t", "#row=none&mode=none&n=77", "#mode=clustermesh", "#seed=x", "#seed=-1&q=nothing"}
	for _, hash := range wrong {
		p := open(t, run, hash)
		require.Equal(t, 1.0, p.number(`+(page.timeline.to > page.timeline.from && page.timeline.to > 0 && page.timeline.from < page.run.end)`), "%s shows a part of the run", hash)
		p.paints("overview")
		p.silent()
	}
	for _, file := range []string{run, modes(t), model, seedsFile(t)} {
		p := open(t, file, wrong[0])
		for _, hash := range wrong[1:] { // that is followed in an open page
			p.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("location.hash = %q", hash)))
			require.NotEmpty(t, p.text(`document.getElementById("badge").textContent`), hash)
		}
		p.silent()
	}
}

// What a history says is shown as text, whatever it looks like.
func TestPageEscapes(t *testing.T) {
	records, err := history.Parse("1.0 a0 up agent - inc=1\n2.0 a0 see endpoint \"<img src=x onerror=alert(1)>\" value=\"</script><b>\" inc=1\n")
	require.NoError(t, err)
	p := open(t, pageOf(t, "</title><script>alert(1)</script>", &history.History{Plan: "{}", Records: records}), "")
	p.key("n")
	p.run(chromedp.Evaluate[chromedp.Void](`page.search("img")`))
	require.Equal(t, 0.0, p.number(`document.querySelectorAll("img, b[onerror]").length`))
	require.Equal(t, 1.0, p.number(`page.hits.length`))
	p.silent()
}

// many makes a history of so many records: agents that see endpoints come and go, each at
// its own time.
func many(records int) *history.History {
	h := &history.History{Plan: "{}"}
	random := rand.New(rand.NewPCG(1, 2))
	add := func(r history.Record) { h.Records = append(h.Records, r) }
	const agents = 50
	for a := range agents {
		add(history.Record{Actor: fmt.Sprintf("a%d", a), Verb: history.Up, Kind: "agent", Inc: 1})
		add(history.Record{Actor: fmt.Sprintf("a%d", a), Verb: history.Connect, Peer: fmt.Sprintf("r%d", a%3), Store: "s"})
		add(history.Record{Actor: fmt.Sprintf("a%d", a), Verb: history.Synced, Value: "synced", Inc: 1})
	}
	for i := 0; len(h.Records) < records; i++ {
		at := time.Duration(i) * 50 * time.Millisecond
		key := fmt.Sprintf("10.0.%d.%d", i/250%40, i%250)
		value := fmt.Sprintf("id=%d host=192.168.0.%d pod=ns/web-%d", 65792+random.IntN(500), random.IntN(200), i)
		add(history.Record{At: at, Actor: "k0", Verb: history.Truth, Kind: "endpoint", Key: key, Value: value, Op: "put", Owner: "CiliumEndpoint/ns/" + key, RV: int64(i + 1)})
		first := len(h.Records)
		for a := range agents {
			late := time.Duration(random.IntN(45_000_000))
			if random.IntN(20) == 0 { // one that is behind, and sees the next one at once
				continue
			}
			add(history.Record{At: at + late, Actor: fmt.Sprintf("a%d", a), Verb: history.See, Kind: "endpoint", Key: key, Value: value, Op: "watch", Peer: fmt.Sprintf("r%d", a%3), Store: "s", Inc: 1, Source: "clustermesh", Session: 1})
		}
		slices.SortFunc(h.Records[first:], func(a, b history.Record) int { return cmp.Compare(a.At, b.At) })
	}
	return h
}

// A history of half a million records opens within three seconds, and a frame of scrolling
// through it takes less than a twentieth of one. Both are the time that the page's thread
// computes: how long it waits for a processor says nothing about the page.
func TestPageOfHalfAMillionRecords(t *testing.T) {
	x := index.New(many(500_000))
	run := &report.Run{Name: "many", Records: len(x.Records)}
	var b bytes.Buffer
	require.NoError(t, Run(&b, run, x))
	code := b.Len() - base64Length(b.String())
	require.Less(t, code, 2<<20, "the page without its data")
	p := openWith(t, saved(t, b.Bytes()), "", func(p *opened) {
		_, err := chromedp.Call(p.ctx, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
		require.NoError(t, err)
	})
	took := p.computed()
	t.Logf("%d KiB, of which %d KiB are code; opened in %.2f s of computing, %.0f ms after its start", b.Len()>>10, code>>10, took, p.number(`performance.getEntriesByName("shown")[0].startTime`))
	require.Less(t, took, 3.0)
	const frames = 20
	p.run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`for (let i = 0; i < %d; i++) { page.timeline.scroll.scrollTop = i * 40; page.timeline.from += 1e9; page.timeline.to += 1e9; page.timeline.draw() }`, frames)))
	frame := (p.computed() - took) / frames
	t.Logf("a frame takes %.1f ms", frame*1e3)
	require.Less(t, frame, 0.050)
	p.run(chromedp.Evaluate[chromedp.Void](`page.search("web-777 ")`))
	require.Greater(t, p.number(`page.hits.length`), 0.0)
	p.paints("lanes")
	p.silent()
}

// computed is for how long the page's thread has computed, in seconds.
func (p *opened) computed() float64 {
	p.t.Helper()
	metrics, err := chromedp.Call(p.ctx, performance.GetMetrics, cdp.Empty{})
	require.NoError(p.t, err)
	for _, m := range metrics.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value
		}
	}
	p.t.Fatal("the browser does not say how long it computed")
	return 0
}

// modelFile makes the page of one mode of the model, which it returns too.
func modelFile(t *testing.T) (string, *mesh.Row) {
	md, err := mode.Parse("clustermesh")
	require.NoError(t, err)
	row, err := mesh.Run(context.Background(), mesh.Config{Mode: md, Bounds: mesh.Bounds{Replicas: 2, Agents: 1, Objects: 2, Reuses: 1, Faults: 1}}, mesh.Options{})
	require.NoError(t, err)
	var did []Did
	for _, c := range row.Cells {
		if c.Property == "monotonic" {
			for i := range c.Trace.Steps {
				did = append(did, Did{"3.000s", 10 + i, fmt.Sprintf("the real step %d", i+1)})
			}
		}
	}
	m := Model{Rows: []*mesh.Row{row}, Code: "cilium v1", Real: []Real{{Mode: "clustermesh", Property: "monotonic", Outcome: "reproduced", Runs: 5, Broke: []uint64{1, 2}, Sentence: "it went back", Seed: 1, Did: did, Replay: "simrun -plan p.json"}}}
	var b bytes.Buffer
	require.NoError(t, m.Write(&b))
	return saved(t, b.Bytes()), row
}

// The matrix of the model, with a counterexample beside what the real code did.
func TestPageOfTheModel(t *testing.T) {
	file, row := modelFile(t)
	p := open(t, file, "")
	require.Equal(t, float64(len(row.Cells)), p.number(`document.querySelectorAll(".verdict").length`))
	p.click(`.verdict[data-row="0"][data-column="1"]`)
	require.Contains(t, p.text(`location.hash`), "mode=clustermesh&property=monotonic")
	for _, c := range row.Cells {
		if c.Property == "monotonic" {
			require.Equal(t, float64(1+len(c.Trace.Steps)), p.number(`document.querySelectorAll(".states tbody tr").length`), "the start, and a row for each step")
		}
	}
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "it went back")
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "simrun model -mode clustermesh -property monotonic -replicas 2 -agents 1 -objects 2 -reuses 1 -faults 1", "how to decide it again")
	require.Contains(t, p.text(`document.querySelectorAll(".states tbody tr")[2].querySelector(".real").textContent`), "the real step 2 line 11", "beside each step what the real code did")
	p.key(kb.ArrowLeft)
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "integrity in clustermesh")
	again := open(t, file, "#mode=clustermesh&property=monotonic")
	require.Contains(t, again.text(`document.getElementById("cell").textContent`), "monotonic in clustermesh")
	p.silent()
	again.silent()
}

// modes makes the page of a small matrix.
func modes(t *testing.T) string {
	curve := func(color int) plot.Curve {
		return plot.Curve{Name: "m", Color: color, Points: [][2]float64{{0.001, 0.5}, {0.2, 0.9}, {4, 1}}}
	}
	m := Matrix{Name: "swarm, seeds 0 to 9 in 2 modes: 20 runs of 20", Facts: [][2]string{{"crd", "10 runs"}}, Modes: []string{"crd", "clustermesh"}, Colors: []int{2, 1}, Tables: []Table{
		{Title: "What each mode keeps", Rows: []Row{
			{Name: "owner", Promise: "An address is its owner's.", Cells: []Cell{
				{Text: "9 of 10", Kind: "promised", Lines: []string{"Kept in 9 runs."}, Ways: []Way{{Title: "news: <b>none</b>", News: true, Sentence: "a0 saw <img src=x onerror=alert(1)>", Seeds: []string{"7"}, Replay: "simrun -mode crd -seed 7"}}},
				{Text: "10 of 10", Kind: "holds", Lines: []string{"Kept in 10 runs."}, Commands: [][2]string{{"the first run that keeps it", "simrun -mode clustermesh -seed 0"}}}}},
			{Name: "fail-over", Cells: []Cell{{Text: "n/a", Kind: "none", Lines: []string{"The mode has nothing to judge."}}, {Text: "10 of 10", Kind: "holds", Lines: []string{"Kept."}}}}}},
		{Title: "Cost", Figures: []Figure{{"requests/s", plot.OverTime("s", "requests/s", []plot.Curve{curve(1), curve(2)})}}, Rows: []Row{
			{Name: "requests/s", SVG: plot.Boxes("in each run", []plot.Group{{Name: "crd", Color: 2, Values: []float64{1, 2, 3}}}), Cells: []Cell{{Text: "2.0", Lines: []string{"Of 3 runs."}}, {Text: "–"}}},
			{Name: "by agents", Part: true, Cells: []Cell{{Text: "1.0"}, {Text: "–"}}}}},
		{Title: "Claims", Columns: []string{"claimed", "change"}, Rows: []Row{{Name: "watches", Cells: []Cell{{Text: "fewer"}, {Text: "-20 %", Kind: "holds"}}}}},
		{Title: "Latencies", Wide: true, Rows: []Row{{Name: "staleness", SVG: plot.Distribution([]plot.Curve{curve(1), curve(2)}), Cells: []Cell{
			{Text: "0.001, 4.000, 4.000", Lines: []string{"Of 9."}, Commands: [][2]string{{"the run with the greatest", "simrun -mode crd -seed 3"}}}, {Text: "–", Kind: "none"}}}}},
	}}
	var b bytes.Buffer
	require.NoError(t, m.Write(&b))
	return saved(t, b.Bytes())
}

// Modes side by side: each cell has its command, and plots are drawn.
func TestPageOfTheMatrix(t *testing.T) {
	file := modes(t)
	p := open(t, file, "")
	require.Equal(t, 6.0, p.number(`document.querySelectorAll("button.verdict").length`), "those of which there is something to say")
	p.click(`[data-table="0"][data-row="0"][data-column="0"]`)
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "simrun -mode crd -seed 7")
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "An address is its owner's.")
	require.Zero(t, p.number(`document.querySelectorAll("#cell img").length`), "what runs say is text")
	require.Contains(t, p.text(`location.hash`), "row=owner&mode=crd")
	p.key(kb.ArrowRight)
	require.Contains(t, p.text(`document.getElementById("cell").textContent`), "simrun -mode clustermesh -seed 0")
	p.key(kb.ArrowDown)
	require.Contains(t, p.text(`location.hash`), "row=fail-over&mode=clustermesh")
	p.key(kb.Escape)
	require.Empty(t, p.text(`document.getElementById("cell").textContent`))
	require.Empty(t, p.text(`location.hash`))

	require.Equal(t, 3.0, p.number(`document.querySelectorAll("figure svg").length`))
	require.Zero(t, p.number(`[...document.querySelectorAll("figure svg")].filter((s) => s.getBoundingClientRect().height < 60 || s.querySelectorAll("path").length < 5).length`), "each is drawn, and in sight")
	require.Equal(t, p.text(`getComputedStyle(document.querySelector(".swatch")).backgroundColor`), p.text(`(() => { const path = [...document.querySelectorAll("figure path")].find((p) => p.style.stroke.includes("--plot2")); return getComputedStyle(path).stroke })()`), "a mode has one colour")

	again := open(t, file, "#row=staleness&mode=crd")
	require.Contains(t, again.text(`document.getElementById("cell").textContent`), "simrun -mode crd -seed 3")
	p.key("?")
	require.Equal(t, 1.0, p.number(`document.querySelectorAll("dialog[open]").length`))
	p.silent()
	again.silent()
}

// seedsFile makes the page of 300 seeds, of which some break something.
func seedsFile(t *testing.T) string {
	var c Campaign
	s := report.Summary{Seeds: 300, Elapsed: time.Second, Replay: func(seed uint64) string { return fmt.Sprintf("simrun -seed %d", seed) }}
	runs := map[string]*report.Run{}
	for _, name := range []string{"clean", "monotonic", "staleness"} {
		h := golden(t, name)
		runs[name] = &report.Run{Verdict: checker.Check(index.New(h), checker.Config{}), Records: len(h.Records), Deterministic: true}
	}
	for seed := range uint64(299) {
		name := "clean"
		if seed%50 == 7 {
			name = "monotonic"
		} else if seed%90 == 11 {
			name = "staleness"
		}
		c.Add(seed, runs[name])
		s.Add(seed, runs[name])
	}
	failure := report.Failure{Seed: 18446744073709551615, Kind: "crash", Message: "it crashed"}
	c.AddFailure(failure)
	s.AddFailure(failure)
	var b bytes.Buffer
	require.NoError(t, c.Write(&b, "seeds", &s))
	return saved(t, b.Bytes())
}

// Many seeds, of which some break something.
func TestPageOfManySeeds(t *testing.T) {
	file := seedsFile(t)
	p := open(t, file, "")
	p.paints("cells")
	require.Equal(t, 300.0, p.number(`page.data.seeds.length`))
	p.key("n")
	require.Equal(t, "7", p.text(`page.data.seeds[page.selected].seed`), "the first that did not pass")
	require.Contains(t, p.text(`document.getElementById("seed").textContent`), "simrun -seed 7")
	again := open(t, file, p.text(`location.hash`))
	require.Equal(t, "7", again.text(`page.data.seeds[page.selected].seed`))
	p.run(chromedp.SendKeys(chromedp.CSS("#search"), "18446744073709551615\r"))
	require.Contains(t, p.text(`document.getElementById("seed").textContent`), "it crashed")
	p.click("#order")
	require.Equal(t, 299.0, p.number(`page.order[0]`), "failures come first")
	p.silent()
	again.silent()
}

func base64Length(html string) int {
	_, data, _ := strings.Cut(html, `id="data">`)
	data, _, _ = strings.Cut(data, "<")
	if _, err := base64.StdEncoding.DecodeString(data); err != nil {
		panic(err)
	}
	return len(data)
}

// Pages fit on small screens, light and dark: nothing is wider than the window.
func TestPagesFit(t *testing.T) {
	run := pageOf(t, "monotonic", golden(t, "monotonic"))
	model, _ := modelFile(t)
	others := map[string]string{modes(t): "#row=owner&mode=crd", model: "#mode=clustermesh&property=monotonic", seedsFile(t): "#seed=7"}
	for _, size := range [][2]int64{{1440, 900}, {1280, 620}, {800, 900}, {420, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			first := func(p *opened) {
				p.run(chromedp.EmulateViewport(size[0], size[1]))
				_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				require.NoError(t, err)
			}
			p := openWith(t, run, "#v=1", first)
			require.LessOrEqual(t, p.number(`document.documentElement.scrollWidth`), float64(size[0]), "%v %s", size, scheme)
			require.Greater(t, p.number(`document.getElementById("scroll").clientHeight`), 60.0, "there is room for lanes at %v", size)
			p.until(`Math.abs(document.getElementById("lanes").getBoundingClientRect().width - document.getElementById("scroll").clientWidth) < 2`)
			for _, canvas := range []string{"lanes", "overview", "axis"} {
				p.paints(canvas)
			}
			p.silent()
			for file, hash := range others {
				o := openWith(t, file, hash, first)
				require.LessOrEqual(t, o.number(`document.documentElement.scrollWidth`), float64(size[0]), "%s at %v, %s", hash, size, scheme)
				o.silent()
			}
		}
	}
}
