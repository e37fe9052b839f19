package history

import (
	"strconv"
	"time"
)

// String is the line of r in the file form, without the line's end.
func (r *Record) String() string { return string(appendRecord(nil, r)) }

// appendRecord appends the line of r without its end. Attributes are in the order
// that the package comment gives.
func appendRecord(b []byte, r *Record) []byte {
	b = appendSeconds(b, r.At)
	b = append(b, ' ')
	b = appendWord(b, r.Actor)
	b = append(b, ' ')
	b = append(b, r.Verb...)
	b = append(b, ' ')
	b = appendWord(b, r.Kind)
	b = append(b, ' ')
	b = appendWord(b, r.Key)
	b = appendAttr(b, " value=", r.Value)
	b = appendAttr(b, " op=", r.Op)
	b = appendAttr(b, " owner=", r.Owner)
	b = appendAttr(b, " peer=", r.Peer)
	b = appendAttr(b, " store=", r.Store)
	b = appendAttr(b, " end=", r.End)
	b = appendIntAttr(b, " rv=", r.RV)
	b = appendIntAttr(b, " rev=", r.Rev)
	b = appendIntAttr(b, " inc=", int64(r.Inc))
	if r.From != 0 {
		b = append(b, " from="...)
		b = appendSeconds(b, r.From)
	}
	if r.More {
		b = append(b, " more=true"...)
	}
	b = appendAttr(b, " err=", r.Err)
	b = appendAttr(b, " ask=", r.Ask)
	b = appendIntAttr(b, " id=", r.ID)
	b = appendIntAttr(b, " bytes=", r.Bytes)
	b = appendAttr(b, " source=", r.Source)
	return appendIntAttr(b, " session=", r.Session)
}

func appendAttr(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(append(b, name...), value)
}

func appendIntAttr(b []byte, name string, value int64) []byte {
	if value == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), value, 10)
}

// appendSeconds appends a time that is not negative as seconds with nine decimals.
func appendSeconds(b []byte, d time.Duration) []byte {
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	b = append(b, ".000000000"...)
	ns := int64(d % time.Second)
	for i := len(b) - 1; ns > 0; i-- {
		b[i] = byte('0' + ns%10)
		ns /= 10
	}
	return b
}

func appendWord(b []byte, s string) []byte {
	switch s {
	case "":
		return append(b, '-')
	case "-":
		return append(b, `"-"`...)
	}
	return appendText(b, s)
}

// appendText appends s bare if it may be, else quoted.
func appendText(b []byte, s string) []byte {
	need := bare
	for i := 0; i < len(s); i++ {
		need = max(need, class[s[i]])
	}
	switch need {
	case bare:
		return append(b, s...)
	case quoted: // as strconv would, but without its search for what to escape
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	return strconv.AppendQuote(b, s)
}

// What a byte of a text needs in order to be written.
const (
	bare    uint8 = iota // nothing
	quoted               // quotes
	escaped              // quotes and an escape
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ':
			t[c] = quoted
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			t[c] = escaped
		}
	}
	return t
}()
