package conformance

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
)

//go:embed golden/*.jsonl.gz
var goldens embed.FS

// Golden is the answers of a real server.
type Golden struct {
	Server, Storage, CRDs string   // with their versions
	Answers               []Answer `json:",omitempty"`
}

// Recorded returns the golden that is compared with.
func Recorded() (Golden, error) {
	files, err := goldens.ReadDir("golden")
	if err != nil {
		return Golden{}, err
	}
	if len(files) != 1 {
		return Golden{}, fmt.Errorf("folder golden has %d files, want one: that of the server's present version", len(files))
	}
	raw, err := goldens.ReadFile("golden/" + files[0].Name())
	if err != nil {
		return Golden{}, err
	}
	g, err := read(bytes.NewReader(raw))
	if err != nil {
		return Golden{}, fmt.Errorf("%s: %w", files[0].Name(), err)
	}
	return g, nil
}

// read reads what Write has written.
func read(r io.Reader) (g Golden, err error) {
	in, err := gzip.NewReader(r)
	if err != nil {
		return g, err
	}
	dec := json.NewDecoder(in)
	if err := dec.Decode(&g); err != nil {
		return g, err
	}
	for {
		var a Answer
		if err := dec.Decode(&a); err == io.EOF {
			return g, nil
		} else if err != nil {
			return g, fmt.Errorf("answer %d: %w", len(g.Answers)+1, err)
		}
		g.Answers = append(g.Answers, a)
	}
}

// Write writes the golden: a line of versions, then a line for each answer.
func (g Golden) Write(w io.Writer) error {
	out := gzip.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	answers := g.Answers
	g.Answers = nil
	if err := enc.Encode(g); err != nil {
		return err
	}
	for _, a := range answers {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return out.Close()
}
