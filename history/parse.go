package history

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads a fragment: record lines without header and end, with empty lines
// and lines that begin with "#" among them. It is otherwise as strict as [Read].
func Parse(text string) ([]Record, error) {
	p := newParser()
	var records []Record
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		records = append(records, Record{})
		if err := p.parse([]byte(line), &records[len(records)-1]); err != nil {
			return nil, fmt.Errorf("history: line %d: %w", n, err)
		}
	}
	return records, nil
}

// parser reads record lines. Strings that occur again share their memory.
type parser struct {
	strings map[string]string
	line    []byte  // what is left of the line
	last    *Record // the record before, whose strings often occur again
}

func newParser() *parser { return &parser{strings: map[string]string{}, last: &Record{}} }

// parse reads one line into r, which is empty, and keeps r as the record before
// the next one.
func (p *parser) parse(line []byte, r *Record) error {
	p.line = line
	if err := p.record(r); err != nil {
		return err
	}
	if r.At < p.last.At {
		return fmt.Errorf("time %v is before that of the record above, %v; records are in order of time", r.At, p.last.At)
	}
	p.last = r
	return nil
}

func (p *parser) record(r *Record) (err error) {
	if r.At, err = p.time("time"); err != nil {
		return err
	}
	if r.Actor, err = p.word("actor", p.last.Actor); err != nil {
		return err
	}
	if r.Verb, err = p.verb(); err != nil {
		return err
	}
	if r.Kind, err = p.word("kind", p.last.Kind); err != nil {
		return err
	}
	if r.Key, err = p.word("key", p.last.Key); err != nil {
		return err
	}
	var seen uint32
	for len(p.line) > 0 {
		if err := p.attribute(r, &seen); err != nil {
			return err
		}
	}
	return nil
}

// attribute reads one name=value; seen has a bit for each name before it.
func (p *parser) attribute(r *Record, seen *uint32) (err error) {
	if p.line[0] != ' ' {
		return fmt.Errorf("expected a space or the line's end at %s", excerpt(p.line))
	}
	eq := bytes.IndexByte(p.line, '=')
	if eq < 0 {
		return fmt.Errorf("expected name=value at %s", excerpt(p.line[1:]))
	}
	name := p.line[1:eq]
	p.line = p.line[eq+1:]
	var bit uint32
	switch string(name) {
	case "value":
		bit, err = 1<<0, p.text("value", &r.Value, p.last.Value)
	case "op":
		bit, err = 1<<1, p.text("op", &r.Op, p.last.Op)
	case "owner":
		bit, err = 1<<2, p.text("owner", &r.Owner, p.last.Owner)
	case "peer":
		bit, err = 1<<3, p.text("peer", &r.Peer, p.last.Peer)
	case "store":
		bit, err = 1<<4, p.text("store", &r.Store, p.last.Store)
	case "end":
		bit, err = 1<<5, p.text("end", &r.End, p.last.End)
	case "rv":
		bit, err = 1<<6, p.integer("rv", &r.RV)
	case "rev":
		bit, err = 1<<7, p.integer("rev", &r.Rev)
	case "inc":
		var inc int64
		bit, err = 1<<8, p.integer("inc", &inc)
		r.Inc = int(inc)
	case "from":
		bit = 1 << 9
		r.From, err = p.time("from")
	case "more":
		bit, err = 1<<10, p.more(r)
	case "err":
		bit, err = 1<<11, p.text("err", &r.Err, "")
	case "ask":
		bit, err = 1<<12, p.text("ask", &r.Ask, p.last.Ask)
	case "id":
		bit, err = 1<<13, p.integer("id", &r.ID)
	case "bytes":
		bit, err = 1<<14, p.integer("bytes", &r.Bytes)
	case "source":
		bit, err = 1<<15, p.text("source", &r.Source, p.last.Source)
	case "session":
		bit, err = 1<<16, p.integer("session", &r.Session)
	default:
		return fmt.Errorf("unknown name %s; known are value, op, owner, peer, store, end, rv, rev, inc, from, more, err, ask, id, bytes, source and session", excerpt(name))
	}
	if err == nil && *seen&bit != 0 {
		return fmt.Errorf("%s occurs twice", name)
	}
	*seen |= bit
	return err
}

func (p *parser) text(field string, to *string, likely string) error {
	raw, err := p.token(field)
	if err != nil {
		return err
	}
	*to, err = p.string(field, raw, likely)
	return err
}

func (p *parser) integer(field string, to *int64) error {
	raw, err := p.token(field)
	if err != nil {
		return err
	}
	if *to, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
		return fmt.Errorf("%s %s is not a decimal integer of 64 bits", field, excerpt(raw))
	}
	return nil
}

func (p *parser) more(r *Record) error {
	raw, err := p.token("more")
	if err != nil {
		return err
	}
	if string(raw) != "true" {
		return fmt.Errorf(`more %s is not "true", the only value it is written with`, excerpt(raw))
	}
	r.More = true
	return nil
}

// Times are below a billion seconds, so that they are never too large for a
// time.Duration.
const (
	wholeDigits = 9
	endOfTime   = 1e9 * time.Second
)

// time reads seconds with up to nine decimals.
func (p *parser) time(field string) (time.Duration, error) {
	raw, err := p.token(field)
	if err != nil {
		return 0, err
	}
	whole, decimals, point := bytes.Cut(raw, []byte("."))
	if len(whole) == 0 || len(whole) > wholeDigits || len(decimals) > 9 || point && len(decimals) == 0 {
		return 0, notSeconds(field, raw)
	}
	var d time.Duration
	for i, unit := range [2][]byte{whole, decimals} {
		for _, c := range unit {
			if c < '0' || c > '9' {
				return 0, notSeconds(field, raw)
			}
			d = d*10 + time.Duration(c-'0')
		}
		if i == 1 {
			for range 9 - len(decimals) {
				d *= 10
			}
		}
	}
	return d, nil
}

func notSeconds(field string, raw []byte) error {
	return fmt.Errorf("%s %s is not seconds such as 12.400000000", field, excerpt(raw))
}

func (p *parser) verb() (Verb, error) {
	if err := p.space("verb"); err != nil {
		return "", err
	}
	raw, err := p.token("verb")
	if err != nil {
		return "", err
	}
	if string(raw) == string(p.last.Verb) {
		return p.last.Verb, nil
	}
	v, ok := verbs[string(raw)]
	if !ok {
		return "", fmt.Errorf("unknown verb %s; known are %s", excerpt(raw), knownVerbs)
	}
	return v, nil
}

func (p *parser) word(field, likely string) (string, error) {
	if err := p.space(field); err != nil {
		return "", err
	}
	raw, err := p.token(field)
	if err != nil || string(raw) == "-" {
		return "", err
	}
	return p.string(field, raw, likely)
}

func (p *parser) space(field string) error {
	if len(p.line) == 0 || p.line[0] != ' ' {
		return fmt.Errorf(`%s is missing; a record is "time actor verb kind key" and then name=value, with single spaces between`, field)
	}
	p.line = p.line[1:]
	return nil
}

// token takes one bare or quoted text off the line, with its quotes.
func (p *parser) token(field string) ([]byte, error) {
	line := p.line
	if len(line) > 0 && line[0] == '"' {
		end := 1
		for {
			i := bytes.IndexByte(line[end:], '"')
			if i < 0 {
				return nil, fmt.Errorf("%s has no closing quote: %s", field, excerpt(line))
			}
			end += i + 1
			if !oddBackslashes(line[:end-1]) {
				p.line = line[end:]
				return line[:end], nil
			}
		}
	}
	end := 0
	for end < len(line) && class[line[end]] == bare {
		end++
	}
	if end == 0 {
		return nil, fmt.Errorf(`%s is empty; an empty word is written "-", an empty attribute is left out`, field)
	}
	if end < len(line) && line[end] != ' ' {
		return nil, fmt.Errorf("%s must be quoted: %s", field, excerpt(line))
	}
	p.line = line[end:]
	return line[:end], nil
}

// oddBackslashes reports whether the byte after b is escaped.
func oddBackslashes(b []byte) bool {
	n := len(b)
	for n > 0 && b[n-1] == '\\' {
		n--
	}
	return (len(b)-n)%2 == 1
}

// string is the meaning of a token. likely is a string that it may be equal to.
func (p *parser) string(field string, raw []byte, likely string) (string, error) {
	if raw[0] == '"' {
		if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
			raw = inner
		} else {
			s, err := strconv.Unquote(string(raw))
			if err != nil {
				return "", fmt.Errorf("%s is not a valid quoted string: %s", field, excerpt(raw))
			}
			raw = []byte(s)
		}
	}
	if string(raw) == likely {
		return likely, nil
	}
	return p.intern(raw), nil
}

// intern returns raw as a string, the same memory for short ones that are equal.
func (p *parser) intern(raw []byte) string {
	const longest = 256 // longer ones are answers of ranges, which seldom recur
	if len(raw) > longest {
		return string(raw)
	}
	s, ok := p.strings[string(raw)]
	if !ok {
		s = string(raw)
		p.strings[s] = s
	}
	return s
}

// excerpt quotes the beginning of what was read, for an error.
func excerpt(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}
