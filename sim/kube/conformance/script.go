// Package conformance holds the stand-in of the kube-apiserver to a real one: a
// script of requests and watches (folder script), the answers that a real
// kube-apiserver gave to it (the golden, folder golden), and the table of what is
// known to differ (differences.md). The test runs the script against package kube
// in virtual time and compares; the command in folder record makes a new golden.
package conformance

import (
	"embed"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A script is lines of
//
//	NAME: METHOD PATH                  a request; indented below it its headers and its body
//	NAME: WATCH COUNT WAIT PATH        a watch that is closed after COUNT events or WAIT
//	open WATCH: PATH                   a watch that goes on,
//	NAME: EVENTS WATCH COUNT WAIT      what it has sent since, until COUNT events or WAIT,
//	close WATCH                        and its end
//	wait DURATION
//	compact                            the past of the storage is forgotten
//
// Names are those of the answers in the golden. What stands in braces is filled
// in: {rv NAME} is the resourceVersion of an answer, {rv NAME +1} the next one,
// {uid NAME}, {name NAME} and {continue NAME} likewise; {long COUNT LETTER} is the
// letter so many times; the rest is in paths. A body "identity NAME APP MORE" is a
// CiliumIdentity with more metadata, "endpoint NAME APP MORE" a CiliumEndpoint;
// after "quoted" comes a Go string.

//go:embed script/*.txt
var scripts embed.FS

// step is a line of a script with what is indented below it.
type step struct {
	op     string // open, close, wait, compact, WATCH, EVENTS or a method
	name   string // of the answer, or of the watch that is opened or closed
	path   string
	header http.Header
	body   string
	watch  string        // of EVENTS
	count  int           // of events to wait for
	wait   time.Duration // for them, or of a wait
}

// script returns the steps in order.
func script() ([]step, error) {
	files, err := scripts.ReadDir("script")
	if err != nil {
		return nil, err
	}
	var steps []step
	for _, f := range files {
		text, err := scripts.ReadFile("script/" + f.Name())
		if err != nil {
			return nil, err
		}
		for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			if err := parseLine(line, &steps); err != nil {
				return nil, fmt.Errorf("%s:%d: %q: %w", f.Name(), n+1, line, err)
			}
		}
	}
	return steps, nil
}

var headerLine = regexp.MustCompile(`^([A-Z][A-Za-z-]+): ?(.*)$`)

func parseLine(line string, steps *[]step) error {
	if rest, ok := strings.CutPrefix(line, "\t"); ok {
		if len(*steps) == 0 {
			return fmt.Errorf("nothing to belong to")
		}
		s := &(*steps)[len(*steps)-1]
		if m := headerLine.FindStringSubmatch(rest); m != nil {
			s.header.Set(m[1], m[2])
			return nil
		}
		body, err := parseBody(rest)
		s.body = body
		return err
	}
	s := step{header: http.Header{}}
	var err error
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "wait":
		s.op = word
		s.wait, err = time.ParseDuration(rest)
	case "compact":
		s.op = word
	case "close":
		s.op, s.name = word, rest
	case "open":
		s.op = word
		s.name, s.path, _ = strings.Cut(rest, ": ")
	default:
		err = s.parseNamed(line)
	}
	*steps = append(*steps, s)
	return err
}

// parseNamed reads a step that has an answer.
func (s *step) parseNamed(line string) error {
	var rest string
	var ok bool
	if s.name, rest, ok = strings.Cut(line, ": "); !ok {
		return fmt.Errorf("want NAME: METHOD PATH")
	}
	s.op, rest, ok = strings.Cut(rest, " ")
	if !ok {
		return fmt.Errorf("want METHOD PATH after the name")
	}
	if s.op != "WATCH" && s.op != "EVENTS" {
		s.path = rest
		return nil
	}
	words := strings.Fields(rest)
	if s.op == "WATCH" {
		words = strings.SplitN(rest, " ", 3)
		if len(words) != 3 {
			return fmt.Errorf("want WATCH COUNT WAIT PATH")
		}
		s.path, words = words[2], words[:2]
	} else {
		if len(words) < 3 {
			return fmt.Errorf("want EVENTS WATCH COUNT WAIT")
		}
		n := len(words) - 2
		s.watch, words = strings.Join(words[:n], " "), words[n:]
	}
	var err error
	if s.count, err = strconv.Atoi(words[0]); err != nil {
		return err
	}
	s.wait, err = time.ParseDuration(words[1])
	return err
}

const (
	identityForm = `{"kind":"CiliumIdentity","apiVersion":"cilium.io/v2","metadata":{"name":"%s","labels":{"app":"%s"}%s},"security-labels":{"k8s:app":"%[2]s"}}`
	endpointForm = `{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"%s",%[3]s"labels":{"app":"%[2]s"}},"status":{"id":7,"identity":{"id":1000,"labels":["k8s:app=%[2]s"]},` +
		`"networking":{"addressing":[{"ipv4":"10.0.0.7"}],"node":"192.168.0.1"}}}`
)

var longWord = regexp.MustCompile(`\{long (\d+) (.)\}`)

func parseBody(text string) (string, error) {
	text = longWord.ReplaceAllStringFunc(text, func(s string) string {
		m := longWord.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1]) // digits
		return strings.Repeat(m[2], n)
	})
	if rest, ok := strings.CutPrefix(text, "quoted "); ok {
		return strconv.Unquote(rest)
	}
	words := strings.SplitN(text, " ", 4)
	if len(words) < 3 {
		return text, nil
	}
	more := ""
	if len(words) == 4 {
		more = words[3]
	}
	app := strings.ReplaceAll(words[2], "_", " ")
	switch words[0] {
	case "identity":
		if more != "" {
			more = "," + more
		}
		return fmt.Sprintf(identityForm, words[1], app, more), nil
	case "endpoint":
		if more != "" {
			more += ","
		}
		return fmt.Sprintf(endpointForm, words[1], app, more), nil
	}
	return text, nil
}
