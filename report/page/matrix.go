package page

import (
	"io"

	"github.com/meshcheck/meshcheck/checker"
)

// Matrix is what the page of modes side by side shows.
type Matrix struct {
	Name   string
	Note   string // why not all runs were made; empty: they were
	Facts  [][2]string
	Modes  []string
	Colors []int // of each mode in all figures
	Tables []Table
}

// Table is a part of the page.
type Table struct {
	Title   string   `json:"title"`
	Note    string   `json:"note"`
	Figures []Figure `json:"figures,omitempty"` // above the rows
	Columns []string `json:"columns,omitempty"` // where they are not the modes
	Rows    []Row    `json:"rows"`
	Wide    bool     `json:"wide,omitempty"` // each row has a figure of its own, and stands as a card
}

// Figure is an SVG.
type Figure struct {
	Title string `json:"title"`
	SVG   string `json:"svg"`
}

// Row is a row of cells, one for each mode or column.
type Row struct {
	Name    string `json:"name"`
	Promise string `json:"promise,omitempty"`
	Part    bool   `json:"part,omitempty"` // of the row above
	Cells   []Cell `json:"cells"`
	SVG     string `json:"svg,omitempty"` // its distribution
}

// Cell is what a mode has in a row, and what there is to say of it when it is asked for.
type Cell struct {
	Text     string      `json:"text"`
	Kind     string      `json:"kind,omitempty"` // holds, promised or broken (not promised), unknown, none
	Lines    []string    `json:"lines,omitempty"`
	Ways     []Way       `json:"ways,omitempty"`
	Commands [][2]string `json:"commands,omitempty"` // what for, and the command
}

// Way is how runs broke a property.
type Way struct {
	Title    string   `json:"title"`
	News     bool     `json:"news,omitempty"`
	Page     string   `json:"page,omitempty"`
	Sentence string   `json:"sentence,omitempty"` // of the first
	Seeds    []string `json:"seeds,omitempty"`
	Replay   string   `json:"replay"`
}

// Promise is what a property promises; empty if there is none of that name.
func Promise(property string) string {
	for _, p := range checker.Properties() {
		if p.Name == property {
			return p.Promise
		}
	}
	return ""
}

// Write writes the page.
func (m *Matrix) Write(w io.Writer) error {
	var b bundle
	b.json("matrix", struct {
		Version int         `json:"version"`
		Name    string      `json:"name"`
		Note    string      `json:"note"`
		Facts   [][2]string `json:"facts"`
		Modes   []string    `json:"modes"`
		Colors  []int       `json:"colors"`
		Tables  []Table     `json:"tables"`
	}{Version, m.Name, m.Note, append([][2]string{}, m.Facts...), m.Modes, m.Colors, m.Tables})
	return write(w, m.Name+" · meshcheck", "matrix", &b, "matrix.js")
}
