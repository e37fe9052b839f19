package text

import (
	"strconv"
	"strings"
)

// Columns writes rows of as many cells, with their columns aligned. The last one is as long
// as it is.
func Columns(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// Number shows three digits or, of large numbers, all before the point.
func Number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 100:
		return Thousands(int(x + 0.5))
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}
