package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// even is a number that reads itself from text.
type even int

func (e *even) UnmarshalText(text []byte) error {
	if len(text)%2 != 0 {
		return errors.New("want an even number of letters")
	}
	*e = even(len(text))
	return nil
}

type Inner struct {
	Letters even `json:"letters"`
}

type sample struct {
	Version int `json:"version"`
	Inner
	Name   string          `json:"name,omitempty"`
	Whole  int64           `json:"whole"`
	Part   float64         `json:"part"`
	Is     bool            `json:"is"`
	List   []Inner         `json:"list"`
	Next   *sample         `json:"next"`
	Counts map[string]int  `json:"counts"`
	Raw    json.RawMessage `json:"raw"`
	Span   time.Duration   `json:"span"`
	Hidden int             `json:"-"`

	flaw *Flaw // that the check finds
}

var sampleForm = Form{
	What: "sample", How: "sim writes one", Version: 1, Raw: "an object",
	Text: map[reflect.Type]string{reflect.TypeFor[even](): "letters in quotes"},
}

func read(text string, into *sample) error {
	return Read("f", []byte(text), into, sampleForm, func() *Flaw { return into.flaw })
}

func TestRead(t *testing.T) {
	var s sample
	require.NoError(t, read(`{"version": 1, "name": "n", "letters": "ab", "whole": -3, "part": 1.5, "is": true, "list": [{"letters": "abcd"}, {}],
		"next": {"name": "m"}, "counts": {"x": 1, "y": 2}, "raw": { "a": null }, "span": 5}`, &s))
	require.Equal(t, sample{Version: 1, Inner: Inner{Letters: 2}, Name: "n", Whole: -3, Part: 1.5, Is: true, List: []Inner{{Letters: 4}, {}},
		Next: &sample{Name: "m"}, Counts: map[string]int{"x": 1, "y": 2}, Raw: json.RawMessage(`{"a":null}`), Span: 5}, s)
}

func TestFlaws(t *testing.T) {
	for text, want := range map[string]string{
		`{"Name": "n"}`:                      `f:1: a sample has no field "Name"; its fields are version, letters, name, whole, part, is, list, next, counts, raw, span`,
		"{\n\"is\": 1}":                      `f:2: is: found 1; want true or false`,
		`{"whole": 1.5}`:                     `f:1: whole: found 1.5; want a whole number`,
		`{"part": "1"}`:                      `f:1: part: found "1"; want a number`,
		`{"letters": 2}`:                     `f:1: letters: found 2; want letters in quotes`,
		`{"letters": "abc"}`:                 `f:1: letters: want an even number of letters`,
		`{"name": null}`:                     `f:1: name: found null; want text in quotes`,
		`{"next": null}`:                     `f:1: next: found null; want an object`,
		`{"next": {"list": [{}, []]}}`:       `f:1: next.list[1]: found a list; want an object`,
		`{"list": {}}`:                       `f:1: list: found an object; want a list`,
		`{"counts": {"x": 1, "x": 2}}`:       `f:1: counts.x: the field is given twice`,
		`{"counts": []}`:                     `f:1: counts: found a list; want an object`,
		`{"name": "a", "name": "b"}`:         `f:1: name: the field is given twice`,
		`{"raw": 7}`:                         `f:1: raw: found 7; want an object`,
		`{"version": 1} {}`:                  `f:1: there is text after the sample; a file holds one sample`,
		`{"list": [`:                         `f:1: list: the file ends in the middle of the sample`,
		`{"name" "a"}`:                       `f:1: name: the JSON is wrong: invalid character '"' after object name (expecting ':')`,
		`{"Hidden": 1}`:                      `f:1: a sample has no field "Hidden"; its fields are version, letters, name, whole, part, is, list, next, counts, raw, span`,
		`{"next": {"next": {"is": "a"}}}`:    `f:1: next.next.is: found "a"; want true or false`,
		"":                                   `f: the file is empty; a sample is a JSON object, and sim writes one`,
		"\x00":                               `f: this is not a sample but binary data; a sample is a JSON object, and sim writes one`,
		"\n# Title":                          `f:2: this is not a sample, which is a JSON object; sim writes one`,
		`[{}]`:                               `f:1: this is not a sample, which is a JSON object; sim writes one`,
		`{"is": true}`:                       `f:1: version: the version of the file form is missing; a sample that this program reads has version 1`,
		"{\n\"is\": 1,\n\"version\": 7}":     `f:3: version: the file form has version 7; a sample that this program reads has version 1`,
		`{"list": [{}, {"leters": ""}]}`:     `f:1: list[1]: there is no field "leters" here; the fields are letters`,
		"{\"list\":\n[{},\nnull]}":           `f:3: list[1]: found null; want an object`,
		"{\"whole\":\n99999999999999999999}": `f:1: whole: found 99999999999999999999; want a whole number`,
		"{\"is\": true,\n\n\"is\": true}":    `f:3: is: the field is given twice`,
	} {
		require.EqualError(t, read(text, new(sample)), want, text)
	}
}

// A flaw that a check finds has the line of what its path names, or of the nearest that the
// file has.
func TestLinesOfPaths(t *testing.T) {
	data := "{\"version\": 1,\n\"next\": {\n\"list\": [{},\n{\"letters\": \"ab\"}]}}"
	for path, line := range map[string]int{"": 1, "next": 2, "next.list[1].letters": 4, "next.list[1].none": 4, "next.list[0]": 3, "none": 1, "nex": 1} {
		s := sample{flaw: Flawf(path, "is wrong")}
		text := "is wrong"
		if path != "" {
			text = path + ": " + text
		}
		require.EqualError(t, read(data, &s), fmt.Sprintf("f:%d: %s", line, text))
	}
}

func TestEncode(t *testing.T) {
	form := map[string]any{"a": []int{1}, "b": "<&>"}
	require.Equal(t, `{"a":[1],"b":"<&>"}`, string(Line(form)))
	require.Equal(t, "{\n  \"a\": [\n    1\n  ],\n  \"b\": \"<&>\"\n}\n", string(Indented(form)))
}
