package objects

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// An object is a JSON object. Its values are object, []any, string, json.Number,
// bool and nil.
type object map[string]any

// text returns a field that is text, or the empty string.
func (o object) text(field string) string {
	text, _ := o[field].(string)
	return text
}

// A document is what stands between two lines of hyphens, or an item of a list.
type document struct {
	value any
	line  int        // where it begins
	items []document // of a list
}

// parse returns the documents of a file, YAML or JSON, without empty ones.
func parse(data []byte) ([]*document, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return nil, errors.New("the file is empty; kubectl get ... -A -o yaml prints objects")
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return nil, errors.New("this is binary data; want YAML or JSON as kubectl prints it")
	case text[0] == '{' || text[0] == '[':
		return parseJSON(data)
	}
	return parseYAML(data)
}

// jsonReader reads values and knows the lines that they begin on.
type jsonReader struct {
	*jsontext.Decoder
	text    []byte
	line    int   // at the offset counted
	counted int64 // so far
}

// lineHere is the line at which the reader is.
func (r *jsonReader) lineHere() int {
	here := r.InputOffset()
	r.line += bytes.Count(r.text[r.counted:here], []byte("\n"))
	r.counted = here
	return r.line
}

func parseJSON(text []byte) (documents []*document, err error) {
	decoder := &jsonReader{Decoder: jsontext.NewDecoder(bytes.NewReader(text)), text: text, line: 1}
	for {
		d := &document{}
		d.value, err = decoder.value(d)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			var flaw *jsontext.SyntacticError
			line := 1 + bytes.Count(text[:decoder.InputOffset()], []byte("\n"))
			if errors.As(err, &flaw) {
				line = 1 + bytes.Count(text[:flaw.ByteOffset], []byte("\n"))
				if flaw.Err == jsontext.ErrDuplicateName {
					return nil, fmt.Errorf("document %d: line %d: the field %q is given twice", len(documents)+1, line, flaw.JSONPointer.LastToken())
				}
				err = flaw.Err
			}
			return nil, fmt.Errorf("document %d: line %d: the JSON is wrong: %w", len(documents)+1, line, err)
		}
		documents = append(documents, d)
	}
}

// value reads a value: a number as it is written, since a float cannot hold each. If it is
// a document or an item, d gets its line and its items.
func (r *jsonReader) value(d *document) (any, error) {
	token, err := r.ReadToken()
	if err != nil {
		return nil, err
	}
	if d != nil {
		d.line = r.lineHere()
	}
	switch token.Kind() {
	case '{':
		o := object{}
		for r.PeekKind() != '}' {
			name, err := r.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // the next token overwrites this one
			if key == "items" && d != nil && r.PeekKind() == '[' {
				o[key], err = r.items(d)
			} else {
				o[key], err = r.value(nil)
			}
			if err != nil {
				return nil, unfinished(err)
			}
		}
		_, err = r.ReadToken()
		return o, err
	case '[':
		list := []any{}
		for r.PeekKind() != ']' {
			value, err := r.value(nil)
			if err != nil {
				return nil, unfinished(err)
			}
			list = append(list, value)
		}
		_, err = r.ReadToken()
		return list, err
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 'n':
		return nil, nil
	}
	return token.Bool(), nil
}

// items reads the items of a list, which d gets.
func (r *jsonReader) items(d *document) (any, error) {
	if _, err := r.ReadToken(); err != nil {
		return nil, err
	}
	list := []any{}
	for r.PeekKind() != ']' {
		var item document
		var err error
		if item.value, err = r.value(&item); err != nil {
			return nil, err
		}
		d.items, list = append(d.items, item), append(list, item.value)
	}
	_, err := r.ReadToken()
	return list, err
}

// unfinished is the error of a value that ends before its time, which is no end of a file.
func unfinished(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func parseYAML(data []byte) (documents []*document, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for number := 1; ; number++ {
		var node yaml.Node
		err := decoder.Decode(&node)
		if err == io.EOF {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: the YAML is wrong: %s", number, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		value, err := fromYAML(&node)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", number, err)
		}
		if value != nil {
			d := documentOf(node.Content[0], value)
			documents = append(documents, &d)
		}
	}
}

// documentOf adds lines to a value that was read from a node.
func documentOf(node *yaml.Node, value any) document {
	d := document{value: value, line: node.Line}
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		items, ok := value.(object)["items"].([]any)
		if ok && node.Content[i].Value == "items" {
			for j, item := range node.Content[i+1].Content {
				d.items = append(d.items, documentOf(item, items[j]))
			}
		}
	}
	return d
}

// fromYAML turns a node into what JSON can say. Anchors are refused: kubectl
// prints none, and a few of them can stand for gigabytes.
func fromYAML(node *yaml.Node) (any, error) {
	switch node.Kind {
	case 0:
		return nil, nil
	case yaml.DocumentNode:
		return fromYAML(node.Content[0])
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, element := range node.Content {
			value, err := fromYAML(element)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case yaml.MappingNode:
		return fromMapping(node)
	case yaml.ScalarNode:
		return fromScalar(node)
	}
	return nil, fmt.Errorf("line %d: YAML aliases are not supported; kubectl prints none", node.Line)
}

func fromMapping(node *yaml.Node) (any, error) {
	o := make(object, len(node.Content)/2)
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a field's name must be text", key.Line)
		}
		if _, twice := o[key.Value]; twice {
			return nil, fmt.Errorf("line %d: the field %q is given twice", key.Line, key.Value)
		}
		value, err := fromYAML(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		o[key.Value] = value
	}
	return o, nil
}

func fromScalar(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var truth bool
		err := node.Decode(&truth)
		return truth, err
	case "!!int", "!!float":
		// YAML writes some numbers in ways that JSON does not have (0x10, .5, .inf).
		if !json.Valid([]byte(node.Value)) {
			return nil, fmt.Errorf("line %d: the number %s is not one that JSON has; text belongs in quotes", node.Line, node.Value)
		}
		return json.Number(node.Value), nil
	}
	return node.Value, nil
}

// encode writes an object on one line, fields sorted.
func encode(o object) json.RawMessage {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		panic(fmt.Sprintf("objects: an object made of JSON does not encode: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// describe says what a value is, in an error.
func describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case object:
		return "an object"
	case []any:
		return "a list"
	case string:
		if len(value) > 60 {
			return fmt.Sprintf("%q...", value[:60])
		}
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprint(value)
}
