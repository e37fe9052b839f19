package page

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/report"
)

// chromium is one browser for all tests, in which each page has a tab of its own.
var chromium struct {
	start sync.Once
	ctx   context.Context // nil: there is none here
	stop  context.CancelFunc
}

func TestMain(m *testing.M) {
	status := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(status)
}

// tab returns a tab of a browser, or skips the test where there is none.
func tab(t *testing.T) context.Context {
	chromium.start.Do(func() {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
			path, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1440, 900))
			if os.Geteuid() == 0 {
				options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with its sandbox
			}
			allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
			chromium.ctx, _ = chromedp.NewContext(allocated)
			chromium.stop = stop
			if err := chromedp.Do(chromium.ctx); err != nil {
				panic(err)
			}
			return
		}
	})
	if chromium.ctx == nil {
		t.Skip("there is no Chromium here, in which pages are tried; apt-get install chromium")
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx)
	t.Cleanup(cancel)
	return ctx
}

// opened is a page in a browser.
type opened struct {
	t      *testing.T
	ctx    context.Context
	mu     sync.Mutex
	errors []string // that the console has shown
}

func open(t *testing.T, file, hash string) *opened {
	return openWith(t, file, hash, func(*opened) {})
}

// openWith does something before the page is opened.
func openWith(t *testing.T, file, hash string, first func(*opened)) *opened {
	p := &opened{t: t, ctx: tab(t)}
	p.run()
	messages := chromedp.Console(p.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.errors = append(p.errors, m.String())
			p.mu.Unlock()
		}
	}()
	_, err := chromedp.Call(p.ctx, cdppage.BringToFront, cdp.Empty{}) // a browser draws what is in front
	require.NoError(t, err)
	first(p)
	p.run(chromedp.Navigate("file://" + file + hash))
	p.until(`document.documentElement.dataset.ready === "true"`)
	return p
}

func (p *opened) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if len(actions) == 0 {
		ctx = p.ctx // the first one starts the tab, which lives as long as its context
	}
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// until waits for a condition.
func (p *opened) until(condition string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second)))
	require.NoError(p.t, err, condition)
}

// click clicks where an element is, as a user does.
func (p *opened) click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector)))
}

func (p *opened) number(expression string) float64 {
	p.t.Helper()
	n, err := chromedp.Run(p.ctx, chromedp.Evaluate[float64](expression))
	require.NoError(p.t, err, expression)
	return n
}

func (p *opened) text(expression string) string {
	p.t.Helper()
	s, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	require.NoError(p.t, err, expression)
	return s
}

func (p *opened) key(keys string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(keys))
}

// silent holds that the console has shown no error.
func (p *opened) silent() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.errors)
}

// paints holds that a canvas has more than one colour.
func (p *opened) paints(canvas string) {
	p.t.Helper()
	require.Greater(p.t, p.number(`(() => { const c = document.getElementById("`+canvas+`"), d = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size })()`), 4.0, "the canvas %s is empty", canvas)
}

func saved(t *testing.T, data []byte) string {
	file := filepath.Join(t.TempDir(), "page.html")
	require.NoError(t, os.WriteFile(file, data, 0o666))
	return file
}

// pageOf returns the file of the page of a history.
func pageOf(t *testing.T, name string, h *history.History) string {
	x := index.New(h)
	run := &report.Run{Name: name, Verdict: checker.Check(x, checker.Config{}), Hash: h.Hash, Records: len(h.Records)}
	run.Plan, run.PlanErr = fault.Read("line 2", []byte(h.Plan))
	var b bytes.Buffer
	require.NoError(t, Run(&b, run, x))
	return saved(t, b.Bytes())
}

func golden(t *testing.T, name string) *history.History {
	file, err := os.Open("../../testdata/histories/" + name + ".history")
	require.NoError(t, err)
	defer file.Close()
	h, err := history.Read(file)
	require.NoError(t, err)
	return h
}
