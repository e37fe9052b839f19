package page

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A bundle is named columns of numbers, texts and JSON, in a form that is small and quick to
// read in a browser: assets/bundle.js reads it. It is a length of four bytes, a header in
// JSON that says where each part is, and the parts, all of it compressed.
type bundle struct {
	parts []part
	body  bytes.Buffer
	buf   []byte
}

// part says where a part is in the body, and of what form it is.
type part struct {
	Name string `json:"name"`
	// Form is delta (numbers that do not fall, each as how much more it is than the one
	// before), int (numbers, zigzag), uint (numbers), text (one text) or json.
	Form   string `json:"form"`
	Count  int    `json:"count"`
	Offset int    `json:"offset"`
	Bytes  int    `json:"bytes"`
}

func (b *bundle) add(name, form string, count int, data []byte) {
	b.parts = append(b.parts, part{name, form, count, b.body.Len(), len(data)})
	b.body.Write(data)
}

// numbers adds a column; what gives number i.
func (b *bundle) numbers(name, form string, count int, of func(i int) int64) {
	b.buf = b.buf[:0]
	last := int64(0)
	for i := range count {
		n := of(i)
		switch form {
		case "delta":
			n, last = n-last, n
			b.buf = binary.AppendUvarint(b.buf, uint64(n))
		case "uint":
			b.buf = binary.AppendUvarint(b.buf, uint64(n))
		default:
			b.buf = binary.AppendVarint(b.buf, n)
		}
	}
	b.add(name, form, count, b.buf)
}

// json adds a value.
func (b *bundle) json(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("page: " + name + " cannot be encoded: " + err.Error()) // all that is put into a page can be
	}
	b.add(name, "json", 1, data)
}

// encode returns the bundle as a page has it: compressed, in base64.
func (b *bundle) encode() string {
	header, err := json.Marshal(b.parts)
	if err != nil {
		panic("page: the header cannot be encoded: " + err.Error())
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.DefaultCompression) // the level is a good one
	for _, data := range [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header, b.body.Bytes()} {
		w.Write(data) // into memory
	}
	w.Close()
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

// texts are different texts, each once, by their number; 0 is the empty one.
type texts struct {
	numbers map[string]int64
	all     []string
	longest int
}

// newTexts keeps at most so many bytes of each text.
func newTexts(longest int) *texts {
	return &texts{map[string]int64{"": 0}, []string{""}, longest}
}

func (t *texts) number(s string) int64 {
	n, ok := t.numbers[s]
	if !ok {
		n = int64(len(t.all))
		t.numbers[s] = n
		t.all = append(t.all, t.shown(s))
	}
	return n
}

// shown is a text on one line, and not longer than it may be.
func (t *texts) shown(s string) string {
	if len(s) > t.longest {
		cut := t.longest
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "… (" + strconv.Itoa(len(s)) + " bytes)"
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		return strings.Trim(strconv.Quote(s), `"`)
	}
	return s
}

// addTo adds all texts, a line each.
func (t *texts) addTo(b *bundle, name string) {
	b.add(name, "text", len(t.all), []byte(strings.Join(t.all, "\n")))
}
