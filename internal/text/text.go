// Package text has what sentences are made of: numbers with their nouns, lists, instants,
// lines of a width.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Count shows a number with its noun, such as "1 entry" and "4,211 entries".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + plural(noun)
}

// plural is the plural of a noun that forms it regularly.
func plural(noun string) string {
	for _, sibilant := range []string{"s", "x", "ch", "sh"} {
		if strings.HasSuffix(noun, sibilant) {
			return noun + "es"
		}
	}
	if stem, is := strings.CutSuffix(noun, "y"); is && !strings.ContainsAny(stem[len(stem)-1:], "aeou") {
		return stem + "ies"
	}
	return noun + "s"
}

// Thousands shows a number with commas.
func Thousands(n int) string {
	if n < 0 {
		return "-" + Thousands(-n)
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Ordinal shows the place in a row, such as "2nd".
func Ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// Seconds shows an instant as the history does, with three decimals.
func Seconds(at time.Duration) string { return strconv.FormatFloat(at.Seconds(), 'f', 3, 64) + "s" }

// Rounded shows a length of wall time with as many digits as matter.
func Rounded(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Few joins the first names and counts the rest.
func Few(names []string, total int) string {
	return strings.Join(names, ", ") + AndMore(total-len(names))
}

// AndMore says that there are others, if there are.
func AndMore(n int) string {
	if n <= 0 {
		return ""
	}
	return " and " + Thousands(n) + " more"
}

// Line is a text as it can stand in a sentence on one line: in quotes, if it has what no
// line shows.
func Line(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Shorten cuts a text that is longer than most bytes.
func Shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// Wrap breaks a text into lines of at most 80 characters; all but the first begin with
// spaces in place of the indent.
func Wrap(indent, s string) string {
	const width = 80
	var b strings.Builder
	line := indent
	empty := true
	for word := range strings.FieldsSeq(s) {
		if !empty && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line, empty = strings.Repeat(" ", len(indent)), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return b.String() + line + "\n"
}
