// Package strictjson reads a JSON object strictly: every field known, given once and of
// its type. It can say where in the file a value is.
//
// encoding/json alone would accept a field in other letters, a field given twice and null
// for anything, and could not say on which line a field is.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Form is what a file holds, in words for errors.
type Form struct {
	What string // such as "plan"
	Raw  string // what each json.RawMessage must be, such as "a Kubernetes object"
	// Text says of types that read themselves from text what they want, such as
	// "a duration as text". Without it they want text in quotes.
	Text map[reflect.Type]string
}

// Flaw is what is wrong with a value. If Offset is positive it is where in the file the
// value ends; otherwise the path tells.
type Flaw struct {
	Path   string // such as ops[3].pod.node; empty for the whole
	Text   string // what is wrong, and what would be right
	Offset int64
}

// Line is that of the flaw in the file.
func (f *Flaw) Line(data []byte) int {
	return 1 + bytes.Count(data[:max(0, min(f.Offset, int64(len(data)))-1)], []byte("\n"))
}

// In is the sentence about the flaw in a file of that name.
func (f *Flaw) In(name string, data []byte) error {
	if f.Path == "" {
		return fmt.Errorf("%s:%d: %s", name, f.Line(data), f.Text)
	}
	return fmt.Errorf("%s:%d: %s: %s", name, f.Line(data), f.Path, f.Text)
}

// Decode reads one JSON object into what a pointer points to. The types of its fields are
// those of a file form: their names are in json tags, and what has none is not of the form.
func Decode(data []byte, into any, form Form) *Flaw {
	return decode(data, into, form, nil)
}

// Locate returns where the value at a path ends in the file, or its nearest ancestor that
// the file has. The value of a type that the file was decoded into takes what is read.
func Locate(data []byte, path string, into any, form Form) int64 {
	ends := map[string]int64{"": 1}
	decode(data, into, form, ends)
	for {
		if offset, found := ends[path]; found {
			return offset
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// decode also fills in, if starts is not nil, for each path the offset of the end of the
// value's first token, which is on the line where a reader looks for it.
func decode(data []byte, into any, form Form, starts map[string]int64) *Flaw {
	d := decoder{form: form, dec: json.NewDecoder(bytes.NewReader(data)), starts: starts, fields: map[reflect.Type][]field{}}
	d.dec.UseNumber()
	if p := d.value(reflect.ValueOf(into).Elem()); p != nil {
		return p
	}
	if _, err := d.dec.Token(); err != io.EOF {
		return d.flaw("there is text after the %s; a file holds one %s", form.What, form.What)
	}
	return nil
}

type decoder struct {
	form   Form
	dec    *json.Decoder
	path   []byte
	starts map[string]int64
	fields map[reflect.Type][]field // of the types met so far
}

// field is a field of a type, or of one that is embedded in it.
type field struct {
	name  string
	index []int
}

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (d *decoder) value(v reflect.Value) *Flaw {
	if v.Type() == rawType {
		return d.raw(v)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	}
	token, p := d.token()
	if p != nil {
		return p
	}
	if d.starts != nil {
		d.starts[string(d.path)] = d.dec.InputOffset()
	}
	switch {
	case v.CanAddr() && v.Addr().Type().Implements(textType):
		return d.text(token, v)
	case v.Kind() == reflect.Struct:
		return d.object(token, v)
	case v.Kind() == reflect.Slice:
		return d.array(token, v)
	case v.Kind() == reflect.Map:
		return d.table(token, v)
	}
	return d.scalar(token, v)
}

func (d *decoder) object(token json.Token, v reflect.Value) *Flaw {
	if token != json.Delim('{') {
		return d.unexpected(token, "an object")
	}
	fields := d.fieldsOf(v.Type())
	var seen uint64 // bit i: field i was given
	for d.dec.More() {
		key, p := d.token()
		if p != nil {
			return p
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.(string) })
		if i < 0 {
			return d.flaw("there is no field %s here; the fields are %s", Quote(key.(string)), names(fields))
		}
		leave := d.enter("." + key.(string))
		if seen&(1<<i) != 0 {
			return d.flaw("the field is given twice")
		}
		seen |= 1 << i
		if p := d.value(v.FieldByIndex(fields[i].index)); p != nil {
			return p
		}
		leave()
	}
	_, p := d.token()
	return p
}

func (d *decoder) array(token json.Token, v reflect.Value) *Flaw {
	if token != json.Delim('[') {
		return d.unexpected(token, "a list")
	}
	for i := 0; d.dec.More(); i++ {
		leave := d.enter("[" + strconv.Itoa(i) + "]")
		v.Grow(1)
		v.SetLen(i + 1)
		v.Index(i).SetZero()
		if p := d.value(v.Index(i)); p != nil {
			return p
		}
		leave()
	}
	_, p := d.token()
	return p
}

func (d *decoder) raw(v reflect.Value) *Flaw {
	var raw json.RawMessage
	if err := d.dec.Decode(&raw); err != nil {
		return d.syntax(err)
	}
	if d.starts != nil {
		d.starts[string(d.path)] = d.dec.InputOffset()
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return d.syntax(err)
	}
	if compact.Bytes()[0] != '{' {
		return d.flaw("found %s; want %s", Quote(compact.String()), d.form.Raw)
	}
	v.SetBytes(compact.Bytes())
	return nil
}

// table reads an object whose names are free.
func (d *decoder) table(token json.Token, v reflect.Value) *Flaw {
	if token != json.Delim('{') {
		return d.unexpected(token, "an object")
	}
	v.Set(reflect.MakeMap(v.Type()))
	for d.dec.More() {
		key, p := d.token()
		if p != nil {
			return p
		}
		leave := d.enter("." + key.(string))
		name := reflect.ValueOf(key)
		if v.MapIndex(name).IsValid() {
			return d.flaw("the field is given twice")
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if p := d.value(value); p != nil {
			return p
		}
		v.SetMapIndex(name, value)
		leave()
	}
	_, p := d.token()
	return p
}

// text reads a value that reads itself from text.
func (d *decoder) text(token json.Token, v reflect.Value) *Flaw {
	text, ok := token.(string)
	if !ok {
		want := d.form.Text[v.Type()]
		if want == "" {
			want = "text in quotes"
		}
		return d.unexpected(token, want)
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return d.flaw("%s", err)
	}
	return nil
}

func (d *decoder) scalar(token json.Token, v reflect.Value) *Flaw {
	switch v.Kind() {
	case reflect.String:
		if text, ok := token.(string); ok {
			v.SetString(text)
			return nil
		}
		return d.unexpected(token, "text in quotes")
	case reflect.Bool:
		if truth, ok := token.(bool); ok {
			v.SetBool(truth)
			return nil
		}
		return d.unexpected(token, "true or false")
	case reflect.Float64:
		if number, ok := token.(json.Number); ok {
			if n, err := number.Float64(); err == nil {
				v.SetFloat(n)
				return nil
			}
		}
		return d.unexpected(token, "a number")
	case reflect.Int, reflect.Int64:
		if number, ok := token.(json.Number); ok {
			if n, err := strconv.ParseInt(number.String(), 10, 64); err == nil {
				v.SetInt(n)
				return nil
			}
		}
		return d.unexpected(token, "a whole number")
	case reflect.Uint64:
		if number, ok := token.(json.Number); ok {
			if n, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
				v.SetUint(n)
				return nil
			}
		}
		return d.unexpected(token, "a whole number from 0 to 18446744073709551615")
	}
	panic(fmt.Sprintf("strictjson: the type of a %s has a field %s of the kind %s, which file forms do not have", d.form.What, d.path, v.Kind()))
}

// enter appends a step to the path and returns what takes it away again.
func (d *decoder) enter(step string) (leave func()) {
	length := len(d.path)
	if length == 0 {
		step = strings.TrimPrefix(step, ".")
	}
	d.path = append(d.path, step...)
	return func() { d.path = d.path[:length] }
}

func (d *decoder) token() (json.Token, *Flaw) {
	token, err := d.dec.Token()
	if err != nil {
		return nil, d.syntax(err)
	}
	return token, nil
}

func (d *decoder) syntax(err error) *Flaw {
	p := d.flaw("the JSON is wrong: %s", err)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		p.Offset = max(1, syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p.Text = "the file ends in the middle of the " + d.form.What
	}
	return p
}

func (d *decoder) flaw(format string, args ...any) *Flaw {
	p := &Flaw{Path: string(d.path), Text: fmt.Sprintf(format, args...)}
	p.Offset = max(1, d.dec.InputOffset())
	return p
}

func (d *decoder) unexpected(token json.Token, want string) *Flaw {
	found := fmt.Sprint(token)
	switch token := token.(type) {
	case nil:
		found = "null"
	case string:
		found = Quote(token)
	case json.Delim:
		found = map[json.Delim]string{'{': "an object", '[': "a list"}[token]
	}
	return d.flaw("found %s; want %s", found, want)
}

func (d *decoder) fieldsOf(t reflect.Type) []field {
	fields, known := d.fields[t]
	if known {
		return fields
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			for _, inner := range d.fieldsOf(f.Type) {
				fields = append(fields, field{inner.name, append([]int{i}, inner.index...)})
			}
		} else if name != "" && name != "-" {
			fields = append(fields, field{name, []int{i}})
		}
	}
	d.fields[t] = fields
	return fields
}

func names(fields []field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
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
