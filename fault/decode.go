package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decode reads one JSON object into plan, strictly: every field known, given
// once and of its type. If starts is not nil it receives, for each path, the
// offset of the end of the value's first token, which is on the line where a
// reader looks for it.
//
// encoding/json alone would accept a field in other letters, a field given
// twice and null for anything, and could not say on which line a field is.
func decode(data []byte, plan *Plan, starts map[string]int64) *flaw {
	d := decoder{dec: json.NewDecoder(bytes.NewReader(data)), starts: starts, fields: map[reflect.Type][]string{}}
	d.dec.UseNumber()
	if p := d.value(reflect.ValueOf(plan).Elem()); p != nil {
		return p
	}
	if _, err := d.dec.Token(); err != io.EOF {
		return d.flaw("there is text after the plan; a file holds one plan")
	}
	return nil
}

type decoder struct {
	dec    *json.Decoder
	path   []byte
	starts map[string]int64
	fields map[reflect.Type][]string // names of the fields of the types met so far
}

var (
	rawType      = reflect.TypeFor[json.RawMessage]()
	durationType = reflect.TypeFor[Duration]()
)

func (d *decoder) value(v reflect.Value) *flaw {
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
	case v.Type() == durationType:
		return d.duration(token, v)
	case v.Kind() == reflect.Struct:
		return d.object(token, v)
	case v.Kind() == reflect.Slice:
		return d.array(token, v)
	}
	return d.scalar(token, v)
}

func (d *decoder) object(token json.Token, v reflect.Value) *flaw {
	if token != json.Delim('{') {
		return d.unexpected(token, "an object")
	}
	names := d.fieldNames(v.Type())
	var seen uint64 // bit i: field i was given
	for d.dec.More() {
		key, p := d.token()
		if p != nil {
			return p
		}
		field := slices.Index(names, key.(string))
		if field < 0 {
			return d.flaw("there is no field %s here; the fields are %s", quote(key.(string)), strings.Join(names, ", "))
		}
		leave := d.enter("." + key.(string))
		if seen&(1<<field) != 0 {
			return d.flaw("the field is given twice")
		}
		seen |= 1 << field
		if p := d.value(v.Field(field)); p != nil {
			return p
		}
		leave()
	}
	_, p := d.token()
	return p
}

func (d *decoder) array(token json.Token, v reflect.Value) *flaw {
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

func (d *decoder) raw(v reflect.Value) *flaw {
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
		return d.flaw("found %s; want a Kubernetes object", quote(compact.String()))
	}
	v.SetBytes(compact.Bytes())
	return nil
}

func (d *decoder) duration(token json.Token, v reflect.Value) *flaw {
	text, ok := token.(string)
	if !ok {
		return d.unexpected(token, `a duration as text, such as "12.5s"`)
	}
	duration, err := ParseDuration(text)
	if err != nil {
		return d.flaw("%s", err)
	}
	v.SetInt(int64(duration))
	return nil
}

func (d *decoder) scalar(token json.Token, v reflect.Value) *flaw {
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
	case reflect.Int:
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
	panic(fmt.Sprintf("fault: the plan's type has a field %s of the kind %s, which the file form does not have", d.path, v.Kind()))
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

func (d *decoder) token() (json.Token, *flaw) {
	token, err := d.dec.Token()
	if err != nil {
		return nil, d.syntax(err)
	}
	return token, nil
}

func (d *decoder) syntax(err error) *flaw {
	p := d.flaw("the JSON is wrong: %s", err)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		p.offset = max(1, syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p.text = "the file ends in the middle of the plan"
	}
	return p
}

func (d *decoder) flaw(format string, args ...any) *flaw {
	p := flawf(string(d.path), format, args...)
	p.offset = max(1, d.dec.InputOffset())
	return p
}

func (d *decoder) unexpected(token json.Token, want string) *flaw {
	found := fmt.Sprint(token)
	switch token := token.(type) {
	case nil:
		found = "null"
	case string:
		found = quote(token)
	case json.Delim:
		found = map[json.Delim]string{'{': "an object", '[': "a list"}[token]
	}
	return d.flaw("found %s; want %s", found, want)
}

func (d *decoder) fieldNames(t reflect.Type) []string {
	names := d.fields[t]
	if names == nil {
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
		d.fields[t] = names
	}
	return names
}
