// Package strictjson reads and writes the JSON of file forms. It reads strictly: every
// field known, given once, of its type and not null, in a file of the version that this
// program knows. What is wrong is one sentence with the file, the line, the field and
// what would be right.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/meshcheck/meshcheck/internal/text"
)

// Form is what a file holds, in words for errors.
type Form struct {
	What    string // such as "plan"
	How     string // how to come by a file, such as "simrun -seed 1 -write-plan FILE writes one"
	Version int    // that this program reads, in the field "version"
	Raw     string // what each json.RawMessage must be, such as "a Kubernetes object"
	// Text says of types that read themselves from text what they want, such as
	// "a duration as text". Without it they want text in quotes.
	Text map[reflect.Type]string
}

// Flaw is what is wrong with a value of a file. Line is that of the file; zero if the path
// tells.
type Flaw struct {
	Path string // such as ops[3].pod.node; empty for the whole
	Text string // what is wrong, and what would be right
	Line int
}

// Flawf is a flaw of what stands at a path.
func Flawf(path, format string, args ...any) *Flaw {
	return &Flaw{Path: path, Text: fmt.Sprintf(format, args...)}
}

func (f *Flaw) Error() string {
	if f.Path == "" {
		return f.Text
	}
	return text.Line(f.Path) + ": " + f.Text
}

// Read reads one JSON object into what a pointer points to, which check, if non-nil, then judges. The
// types of its fields are those of a file form: their names are in json tags, and what has
// none is not of the form. The name stands for the file in errors.
func Read(name string, data []byte, into any, form Form, check func() *Flaw) error {
	start := bytes.TrimSpace(data)
	switch {
	case len(start) == 0:
		return fmt.Errorf("%s: the file is empty; a %s is a JSON object, and %s", name, form.What, form.How)
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		return fmt.Errorf("%s: this is not a %s but binary data; a %s is a JSON object, and %s", name, form.What, form.What, form.How)
	case start[0] != '{':
		return fmt.Errorf("%s:%d: this is not a %s, which is a JSON object; %s", name, line(data, 0), form.What, form.How)
	}
	flaw := decode(data, into, form)
	// Another version explains all else that is wrong with the file.
	var version struct{ Version *int }
	if json.Unmarshal(data, &version) == nil && (flaw == nil || version.Version != nil) {
		if other := form.CheckVersion(version.Version); other != nil {
			flaw = other
		}
	}
	if flaw == nil && check != nil {
		flaw = check()
	}
	if flaw == nil {
		return nil
	}
	if flaw.Line == 0 {
		flaw.Line = locate(data, flaw.Path)
	}
	return fmt.Errorf("%s:%d: %w", name, flaw.Line, flaw)
}

// CheckVersion says what is wrong with the version of a file; nil stands for none.
func (form Form) CheckVersion(version *int) *Flaw {
	switch {
	case version == nil || *version == 0:
		return Flawf("version", "the version of the file form is missing; a %s that this program reads has version %d", form.What, form.Version)
	case *version != form.Version:
		return Flawf("version", "the file form has version %d; a %s that this program reads has version %d", *version, form.What, form.Version)
	}
	return nil
}

func decode(data []byte, into any, form Form) *Flaw {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	err := jsonv2.UnmarshalDecode(dec, into, jsonv2.RejectUnknownMembers(true), jsonv1.FormatDurationAsNano(true),
		jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(form.look)))
	if err == nil {
		if _, err := dec.ReadToken(); err != io.EOF {
			return &Flaw{Text: fmt.Sprintf("there is text after the %s; a file holds one %s", form.What, form.What), Line: line(data, dec.InputOffset())}
		}
		return nil
	}
	var (
		flaw      *Flaw
		syntactic *jsontext.SyntacticError
		semantic  *jsonv2.SemanticError
	)
	switch {
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return &Flaw{path(syntactic.JSONPointer), "the field is given twice", line(data, syntactic.ByteOffset)}
	case errors.As(err, &syntactic) && errors.Is(err, io.ErrUnexpectedEOF):
		return &Flaw{path(syntactic.JSONPointer), "the file ends in the middle of the " + form.What, line(data, int64(len(data)))}
	case errors.As(err, &syntactic):
		return &Flaw{path(syntactic.JSONPointer), fmt.Sprintf("the JSON is wrong: %v", syntactic.Err), line(data, syntactic.ByteOffset)}
	case !errors.As(err, &semantic):
		return Flawf("", "%v", err)
	case errors.Is(err, jsonv2.ErrUnknownName):
		where, name := path(semantic.JSONPointer.Parent()), Quote(semantic.JSONPointer.LastToken())
		flaw = Flawf(where, "there is no field %s here; the fields are %s", name, names(semantic.GoType))
		if where == "" {
			flaw.Text = fmt.Sprintf("a %s has no field %s; its fields are %s", form.What, name, names(semantic.GoType))
		}
		flaw.Line = locate(data, path(semantic.JSONPointer))
	case errors.As(err, &flaw): // of look
		flaw.Path = path(semantic.JSONPointer)
	case semantic.JSONValue.Kind() == '0': // a number that its type does not hold
		_, want := form.wants(semantic.GoType)
		flaw = Flawf(path(semantic.JSONPointer), "found %s; want %s", semantic.JSONValue, want)
	default: // of a type that reads itself from text
		flaw = Flawf(path(semantic.JSONPointer), "%v", semantic.Err)
	}
	return flaw
}

// look sees that a value is of the kind that its type wants, before it is read: null would
// be taken for anything. Raw values it reads itself, without spaces.
func (form Form) look(dec *jsontext.Decoder, into any) error {
	t := reflect.TypeOf(into).Elem()
	kinds, want := form.wants(t)
	if strings.ContainsRune(kinds, rune(dec.PeekKind())) {
		raw, is := into.(*json.RawMessage)
		if !is {
			return errors.ErrUnsupported
		}
		value, err := dec.ReadValue()
		if err == nil {
			value = value.Clone()
			err = value.Compact()
		}
		*raw = json.RawMessage(value)
		return err
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	found := string(value)
	switch value.Kind() {
	case '{':
		found = "an object"
	case '[':
		found = "a list"
	case '"':
		text, _ := jsontext.AppendUnquote(nil, value)
		found = Quote(string(text))
	}
	return Flawf("", "found %s; want %s", found, want)
}

// wants are the kinds of JSON that a type takes, as jsontext.Kind has them, and what to
// call them.
func (form Form) wants(t reflect.Type) (kinds, name string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return "{", form.Raw
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		if text := form.Text[t]; text != "" {
			return `"`, text
		}
		return `"`, "text in quotes"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "{", "an object"
	case reflect.Slice:
		return "[", "a list"
	case reflect.String:
		return `"`, "text in quotes"
	case reflect.Bool:
		return "tf", "true or false"
	case reflect.Float64:
		return "0", "a number"
	case reflect.Int, reflect.Int64:
		return "0", "a whole number"
	case reflect.Uint64:
		return "0", "a whole number from 0 to 18446744073709551615"
	}
	panic(fmt.Sprintf("strictjson: the type of a %s has a field of the kind %s, which file forms do not have", form.What, t.Kind()))
}

// path is a place in the words of a reader: ops[3].pod for /ops/3/pod.
func path(p jsontext.Pointer) string {
	text := ""
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			text += "[" + token + "]"
		} else {
			text += "." + token
		}
	}
	return strings.TrimPrefix(text, ".")
}

// locate returns the line of what stands at a path, or of its nearest ancestor that the
// file has.
func locate(data []byte, at string) int {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	nearest, found := -1, int64(0)
	for {
		if _, err := dec.ReadToken(); err != nil {
			return line(data, found)
		}
		p := path(dec.StackPointer())
		rest, above := strings.CutPrefix(at, p)
		if above && len(p) > nearest && (p == "" || rest == "" || rest[0] == '.' || rest[0] == '[') {
			nearest, found = len(p), dec.InputOffset()-1
		}
	}
}

// line returns the line of an offset, or of what comes after it.
func line(data []byte, offset int64) int {
	offset = min(offset, int64(len(data)))
	rest := data[offset:]
	offset += int64(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n:,")))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}

// names are those of the fields of a type.
func names(t reflect.Type) string {
	var all []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// Quote returns text in quotes, cut to a length that fits into a sentence.
func Quote(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "..."
	}
	return strconv.Quote(text)
}

// Line returns a form, which is made of plain values, as one line of JSON without a line end.
func Line(form any) []byte { return bytes.TrimSuffix(encode(form, ""), []byte("\n")) }

// Indented returns a form, which is made of plain values, as the JSON of a file.
func Indented(form any) []byte { return encode(form, "  ") }

func encode(form any, indent string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(form); err != nil {
		panic(fmt.Sprintf("strictjson: cannot encode %T: %v", form, err))
	}
	return b.Bytes()
}
