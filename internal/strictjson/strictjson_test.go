package strictjson

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

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

type inner struct {
	Letters even `json:"letters"`
}

type sample struct {
	inner
	Name   string          `json:"name,omitempty"`
	Whole  int64           `json:"whole"`
	Part   float64         `json:"part"`
	Is     bool            `json:"is"`
	List   []inner         `json:"list"`
	Next   *sample         `json:"next"`
	Counts map[string]int  `json:"counts"`
	Raw    json.RawMessage `json:"raw"`
	Hidden int             `json:"-"`
}

var sampleForm = Form{What: "sample", Raw: "an object", Text: map[reflect.Type]string{reflect.TypeFor[even](): "letters in quotes"}}

func TestDecode(t *testing.T) {
	var s sample
	require.Nil(t, Decode([]byte(`{"name": "n", "letters": "ab", "whole": -3, "part": 1.5, "is": true, "list": [{"letters": "abcd"}, {}],
		"next": {"name": "m"}, "counts": {"x": 1, "y": 2}, "raw": { "a": 1 }}`), &s, sampleForm))
	require.Equal(t, sample{inner: inner{Letters: 2}, Name: "n", Whole: -3, Part: 1.5, Is: true, List: []inner{{Letters: 4}, {}},
		Next: &sample{Name: "m"}, Counts: map[string]int{"x": 1, "y": 2}, Raw: json.RawMessage(`{"a":1}`)}, s)
}

func TestFlaws(t *testing.T) {
	for text, want := range map[string]string{
		`{"Name": "n"}`:                   `f:1: there is no field "Name" here; the fields are letters, name, whole, part, is, list, next, counts, raw`,
		"{\n\"is\": 1}":                   `f:2: is: found 1; want true or false`,
		`{"whole": 1.5}`:                  `f:1: whole: found 1.5; want a whole number`,
		`{"part": "1"}`:                   `f:1: part: found "1"; want a number`,
		`{"letters": 2}`:                  `f:1: letters: found 2; want letters in quotes`,
		`{"letters": "abc"}`:              `f:1: letters: want an even number of letters`,
		`{"name": null}`:                  `f:1: name: found null; want text in quotes`,
		`{"next": null}`:                  `f:1: next: found null; want an object`,
		`{"next": {"list": [{}, []]}}`:    `f:1: next.list[1]: found a list; want an object`,
		`{"list": {}}`:                    `f:1: list: found an object; want a list`,
		`{"counts": {"x": 1, "x": 2}}`:    `f:1: counts.x: the field is given twice`,
		`{"counts": []}`:                  `f:1: counts: found a list; want an object`,
		`{"name": "a", "name": "b"}`:      `f:1: name: the field is given twice`,
		`{"raw": 7}`:                      `f:1: raw: found "7"; want an object`,
		`{} {}`:                           `f:1: there is text after the sample; a file holds one sample`,
		`{"list": [`:                      `f:1: list: the file ends in the middle of the sample`,
		`{"name" "a"}`:                    `f:1: name: the JSON is wrong: invalid character '"' after object key`,
		`{"Hidden": 1}`:                   `f:1: there is no field "Hidden" here; the fields are letters, name, whole, part, is, list, next, counts, raw`,
		`{"next": {"next": {"is": "a"}}}`: `f:1: next.next.is: found "a"; want true or false`,
	} {
		flaw := Decode([]byte(text), new(sample), sampleForm)
		require.NotNil(t, flaw, text)
		require.EqualError(t, flaw.In("f", []byte(text)), want)
	}
}

func TestLocate(t *testing.T) {
	data := []byte("{\n\"next\": {\n\"list\": [{},\n{\"letters\": \"ab\"}]}}")
	for path, line := range map[string]int{"": 1, "next": 2, "next.list[1].letters": 4, "next.list[1].none": 4, "next.list[0]": 3, "none": 1} {
		flaw := Flaw{Path: path, Offset: Locate(data, path, new(sample), sampleForm)}
		require.Equal(t, line, flaw.Line(data), path)
	}
}
