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

// parse returns the documents of a file, YAML or JSON, without empty ones.
func parse(data []byte) ([]any, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return nil, errors.New("the file is empty; kubectl get ... -A -o yaml prints objects")
	case !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0:
		return nil, errors.New("this is binary data; want YAML or JSON as kubectl prints it")
	case text[0] == '{' || text[0] == '[':
		return parseJSON(text)
	}
	return parseYAML(data)
}

func parseJSON(text []byte) (documents []any, err error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		value, err := fromJSON(decoder)
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
		documents = append(documents, value)
	}
}

// fromJSON reads a value: a number as it is written, since a float cannot hold each.
func fromJSON(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		o := object{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // the next token overwrites this one
			if o[key], err = fromJSON(d); err != nil {
				return nil, unfinished(err)
			}
		}
		_, err = d.ReadToken()
		return o, err
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			value, err := fromJSON(d)
			if err != nil {
				return nil, unfinished(err)
			}
			list = append(list, value)
		}
		_, err = d.ReadToken()
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

// unfinished is the error of a value that ends before its time, which is no end of a file.
func unfinished(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func parseYAML(data []byte) (documents []any, err error) {
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
			documents = append(documents, value)
		}
	}
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
