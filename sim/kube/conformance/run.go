package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Target is a server that the script is run against.
type Target struct {
	URL     string
	Client  *http.Client
	Token   string       // of the bearer, if not empty
	Compact func() error // forgets the past of its storage
	Custom  bool         // it serves custom resources only: the other steps are left out
}

// Answer is what a server answered to a step, without what no two servers share.
type Answer struct {
	Step   string
	Code   int
	Header map[string]string `json:",omitempty"`
	Body   any               // JSON or text; of a watch the events, and "END" if it ended
}

// requestTimeout is how long an answer may take: more than the 3 s for which a
// server waits for a version that it has not reached.
const requestTimeout = 15 * time.Second

// quiet is how long nothing may come after the last event that is waited for.
const quiet = 250 * time.Millisecond

// run is a run of the script.
type run struct {
	Target
	names
	watches map[string]*watch
	answers []Answer
}

// Run runs the script and returns the answers in order.
func Run(t Target) ([]Answer, error) {
	steps, err := script()
	if err != nil {
		return nil, err
	}
	r := &run{Target: t, names: newNames(), watches: map[string]*watch{}}
	for _, s := range steps {
		if t.Custom && !r.custom(s) {
			continue
		}
		if err := r.do(s); err != nil {
			return nil, fmt.Errorf("step %q: %w", s.name, err)
		}
	}
	return r.answers, nil
}

// custom says whether a step is about custom resources.
func (r *run) custom(s step) bool {
	switch s.op {
	case "wait", "compact":
		return true
	case "close":
		return r.watches[s.name] != nil
	case "EVENTS":
		return r.watches[s.watch] != nil
	}
	return strings.HasPrefix(r.fill(s.path), "/apis/cilium.io/")
}

func (r *run) do(s step) error {
	switch s.op {
	case "wait":
		time.Sleep(s.wait)
	case "compact":
		return r.Compact()
	case "open":
		return r.open(s)
	case "close":
		r.watches[s.name].cancel()
	case "EVENTS":
		return r.take(s.name, r.watches[s.watch], s.count, s.wait)
	case "WATCH":
		if err := r.open(s); err != nil {
			return err
		}
		defer r.watches[s.name].cancel()
		return r.take(s.name, r.watches[s.name], s.count, s.wait)
	default:
		return r.request(s)
	}
	return nil
}

// send makes the request of a step.
func (r *run) send(ctx context.Context, s step, method string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, r.URL+r.fill(s.path), strings.NewReader(r.fill(s.body)))
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "conformance")
	if s.body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		q.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for name := range s.header {
		if value := s.header.Get(name); value != "" {
			q.Header.Set(name, value)
		} else {
			q.Header.Del(name)
		}
	}
	return r.Client.Do(q)
}

func (r *run) request(s step) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	resp, err := r.send(ctx, s, s.op)
	if err != nil { // a real server cuts off what it cannot read at all
		r.answers = append(r.answers, Answer{Step: s.name, Body: "no answer"})
		return nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if errors.Is(err, context.DeadlineExceeded) { // it is a watch for this server, of which the first event is noted
		raw, _, _ = bytes.Cut(raw, []byte("\n"))
	} else if err != nil {
		return err
	}
	r.learn(s.name, raw)
	a := Answer{Step: s.name, Code: resp.StatusCode, Header: r.headers(resp.Header)}
	var value any
	switch {
	case resp.Header.Get("Content-Encoding") == "gzip":
		a.Body = "compressed"
	case isProtobuf(resp.Header):
		a.Body = "protobuf"
	case json.Unmarshal(raw, &value) == nil:
		a.Body = r.normal("", value)
	default:
		a.Body = r.text(string(raw[:min(len(raw), 400)]))
	}
	r.answers = append(r.answers, a)
	return nil
}

func isProtobuf(h http.Header) bool { return strings.Contains(h.Get("Content-Type"), "protobuf") }

// watch is an open watch.
type watch struct {
	code   int
	header http.Header
	lines  chan string
	cancel context.CancelFunc
	ended  bool
}

func (r *run) open(s step) error {
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := r.send(ctx, s, http.MethodGet)
	if err != nil {
		cancel()
		return err
	}
	w := &watch{code: resp.StatusCode, header: resp.Header, lines: make(chan string, 1000), cancel: cancel}
	r.watches[s.name] = w
	go func() {
		defer close(w.lines)
		defer resp.Body.Close()
		for in := bufio.NewReader(resp.Body); ; {
			line, err := in.ReadString('\n')
			if line != "" {
				w.lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return nil
}

// take notes what a watch has sent as an answer.
func (r *run) take(name string, w *watch, count int, wait time.Duration) error {
	events := []any{}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for waiting := true; waiting && !w.ended; {
		var enough <-chan time.Time
		if len(events) >= count {
			enough = time.After(quiet)
		}
		select {
		case line, ok := <-w.lines:
			var event any
			switch {
			case !ok:
				w.ended = true
			case json.Unmarshal([]byte(line), &event) == nil:
				events = append(events, r.normal("", event))
			default:
				events = append(events, r.text(line))
			}
		case <-enough:
			waiting = false
		case <-timeout.C:
			waiting = false
		}
	}
	if w.ended {
		events = append(events, "END")
	}
	a := Answer{Step: name, Code: w.code, Header: r.headers(w.header), Body: events}
	if isProtobuf(w.header) {
		a.Body = "protobuf"
	}
	r.answers = append(r.answers, a)
	return nil
}

// paths are the words that stand for paths in scripts.
var paths = map[string]string{
	"ids":            "/apis/cilium.io/v2/ciliumidentities",
	"ciliumnodes":    "/apis/cilium.io/v2/ciliumnodes",
	"slices":         "/apis/cilium.io/v2alpha1/ciliumendpointslices",
	"endpoints":      "/apis/cilium.io/v2/ciliumendpoints",
	"leases":         "/apis/coordination.k8s.io/v1/namespaces/default/leases",
	"endpointslices": "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
	"nodes":          "/api/v1/nodes",
}

var blanks = regexp.MustCompile(`\{([a-z]+)(?: ([^{}"]+))?\}`)

// fill fills in what stands in braces.
func (r *run) fill(text string) string {
	return blanks.ReplaceAllStringFunc(text, func(s string) string {
		m := blanks.FindStringSubmatch(s)
		what, of := m[1], m[2]
		value, ok := paths[what], of == ""
		switch what {
		case "endpoints":
			if of != "" {
				value, ok = "/apis/cilium.io/v2/namespaces/"+of+"/ciliumendpoints", true
			}
		case "rv":
			of, next := strings.CutSuffix(of, " +1")
			rv, known := r.versions[of]
			if ok = known; next {
				rv++
			}
			value = strconv.FormatInt(rv, 10)
		case "uid":
			value, ok = r.uidOf[of]
		case "name":
			value, ok = r.nameOf[of]
		case "continue":
			value, ok = r.tokens[of]
		default:
			if value == "" {
				return s // JSON
			}
		}
		if !ok {
			value = "none" // the step has failed: so will this one, which says enough
		}
		return value
	})
}
