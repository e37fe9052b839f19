package life

import (
	"bufio"
	"bytes"
	"strings"
	"time"
)

// LogLine is a line of the log of the code under test.
type LogLine struct {
	At   time.Duration
	Host string // "" of what is of no host
	Warn bool   // a warning or an error
	Text string
}

// ReadLog reads the log of a run: lines of Cilium and client-go ("time=1.5s level=INFO msg=... host=r0"), and
// of etcds and their clients ("1.500000s<tab>info<tab>message<tab>{"host": "r0"}"). What is in another form goes
// on the line before it.
func ReadLog(log []byte) (lines []LogLine) {
	s := bufio.NewScanner(bytes.NewReader(log))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if line, ok := parseLog(s.Text()); ok {
			lines = append(lines, line)
		} else if n := len(lines); n > 0 {
			lines[n-1].Text += "\n" + s.Text()
		}
	}
	return lines
}

func parseLog(line string) (LogLine, bool) {
	if rest, ok := strings.CutPrefix(line, "time="); ok {
		at, rest, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(at)
		level, _, _ := strings.Cut(strings.TrimPrefix(rest, "level="), " ")
		return LogLine{d, hostOf(rest), level == "WARN" || level == "ERROR", rest}, err == nil
	}
	at, rest, found := strings.Cut(line, "\t")
	d, err := time.ParseDuration(at)
	level, message, _ := strings.Cut(rest, "\t")
	host := ""
	if i := strings.LastIndex(message, `"host": "`); i >= 0 {
		host, _, _ = strings.Cut(message[i+len(`"host": "`):], `"`)
	}
	if _, client := strings.CutPrefix(message, "etcd-client\t"); !client {
		message = "etcd: " + message
	}
	return LogLine{d, host, level != "info" && level != "debug", strings.ReplaceAll(message, "\t", " ")}, found && err == nil
}

// hostOf returns the host that a line of Cilium's names.
func hostOf(line string) string {
	_, rest, found := strings.Cut(line, " host=")
	if !found {
		return ""
	}
	host, _, _ := strings.Cut(rest, " ")
	return host
}

// Around returns the lines of a host, and the warnings of no host, from before an instant
// until after it.
func Around(lines []LogLine, host string, from, to time.Duration) (all []LogLine) {
	for _, l := range lines {
		if l.At >= from && l.At <= to && (l.Host == host || l.Host == "" && l.Warn) {
			all = append(all, l)
		}
	}
	return all
}
