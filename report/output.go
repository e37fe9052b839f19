package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style is how text is laid out for its reader.
type Style struct {
	All    bool // every property, violation and seed in place of what matters first
	Width  int  // of the terminal; zero: it is none, and lines are as long as they are
	Height int  // of the terminal, likewise: what is longer is folded
	Color  bool // the terminal shows colours, and its user wants them
}

// Color is how a terminal shows a word.
type Color string

const (
	Red    Color = "31"
	Green  Color = "32"
	Yellow Color = "33"
	Bold   Color = "1"
	Faint  Color = "2"
)

// Output writes lines that begin with a label.
type Output struct {
	*bufio.Writer
	style Style
}

// NewOutput returns what writes in a style.
func NewOutput(w io.Writer, style Style) Output { return Output{bufio.NewWriter(w), style} }

// Paint is a text in a colour, or the text alone where there are none.
func (o Output) Paint(c Color, s string) string {
	if !o.style.Color || c == "" || s == "" {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

// All reports whether all is to be written.
func (o Output) All() bool { return o.style.All }

// Row writes a label and a text, which goes on below itself where it is wider than the
// terminal. A word that is wider than a line is broken, as long labels of pods are.
func (o Output) Row(label, format string, args ...any) {
	o.WriteString(label)
	indent := width(label)
	room := o.style.Width - indent
	if o.style.Width == 0 || room < 20 {
		fmt.Fprintf(o, format+"\n", args...)
		return
	}
	column := 0
	next := func() {
		o.WriteString("\n" + strings.Repeat(" ", indent))
		column = 0
	}
	for word := range strings.FieldsSeq(fmt.Sprintf(format, args...)) {
		runes := []rune(word)
		if column > 0 && column+1+width(word) > room {
			next()
		}
		if column > 0 {
			o.WriteByte(' ')
			column++
		}
		for len(runes) > room && width(word) == len(runes) {
			o.WriteString(string(runes[:room]))
			next()
			runes = runes[room:]
			word = string(runes)
		}
		o.WriteString(word)
		column += width(word)
	}
	o.WriteByte('\n')
}

// width is how many columns a text takes: those of a colour take none.
func width(s string) (n int) {
	for len(s) > 0 {
		if i := strings.IndexByte(s, 'm'); strings.HasPrefix(s, "\x1b[") && i > 0 {
			s = s[i+1:]
			continue
		}
		_, size := utf8.DecodeRuneInString(s)
		s, n = s[size:], n+1
	}
	return n
}

// Command writes a command line, which is never broken: it is there to be copied.
func (o Output) Command(label, line string) { fmt.Fprintf(o, "%s%s\n", label, line) }
