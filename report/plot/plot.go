// Package plot draws distributions and curves as SVG, with gonum's plot.
//
// A figure has no colours of its own: those of its curves, text and lines are variables of
// the style sheet of the page that it stands in (--plot1, --text, --line), so that it is
// light and dark with the page; where there is none it is dark on nothing. The same numbers
// give the same bytes.
package plot

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Curve is a line of a figure.
type Curve struct {
	Name   string
	Color  int // of the palette, from 1; curves of one thing have one colour in all figures
	Points [][2]float64
}

// The size of a figure, in pixels unless a page has less room.
const (
	width    = 440
	boxWidth = 340 // boxes stand beside a table
	height   = 190
)

// theme stands for the colours of a page while a figure is drawn: vgsvg knows no variables.
var theme = []struct {
	color    color.Color
	variable string
}{
	{color.RGBA{1, 1, 1, 255}, "var(--text,#333)"},
	{color.RGBA{2, 1, 1, 255}, "var(--faint,#666)"},
	{color.RGBA{3, 1, 1, 255}, "var(--line,#ccc)"},
	{color.RGBA{4, 1, 1, 255}, "var(--plot1,#2f6db5)"},
	{color.RGBA{5, 1, 1, 255}, "var(--plot2,#c2611f)"},
	{color.RGBA{6, 1, 1, 255}, "var(--plot3,#3c8a3f)"},
	{color.RGBA{7, 1, 1, 255}, "var(--plot4,#8f4f9f)"},
	{color.RGBA{8, 1, 1, 255}, "var(--plot5,#16858a)"},
	{color.RGBA{9, 1, 1, 255}, "var(--plot6,#b0355a)"},
	{color.RGBA{10, 1, 1, 255}, "var(--plot7,#8a6d00)"},
	{color.RGBA{11, 1, 1, 255}, "var(--plot8,#5b6675)"},
}

var text, faint, line, curves = theme[0].color, theme[1].color, theme[2].color, theme[3:]

// Colors is how many colours there are for curves.
var Colors = len(curves)

// withRoom is a name with room to what stands right of it: a page's font may be wider than the one that it
// is measured with.
func withRoom(name string) string { return name + strings.Repeat(" ", 3+len(name)/3) }

var roomBehind = regexp.MustCompile(` +</text>`)

func colorOf(number int) color.Color { return curves[(max(1, number)-1)%len(curves)].color }

// newPlot begins a figure with axes and a grid.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.LineStyle.Color, a.Tick.LineStyle.Color = line, line
		a.Tick.Length, a.Padding = 3, 2
		a.Tick.Label.Color, a.Tick.Label.Font = faint, fontOf(10.5)
		a.Label.TextStyle.Color, a.Label.TextStyle.Font = faint, fontOf(10.5)
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = fontOf(10.5), text
	p.Legend.Top, p.Legend.Left, p.Legend.ThumbnailWidth, p.Legend.Padding = true, true, 14, 1
	p.Legend.XOffs = 4
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = line, line
	p.Add(grid)
	return p
}

func fontOf(size font.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

// add adds a curve, without the points that are where others are.
func add(p *plot.Plot, c Curve, points plotter.XYs, step plotter.StepKind, legend bool) {
	l, err := plotter.NewLine(thin(points))
	if err != nil {
		panic("plot: " + err.Error()) // of numbers that are none, which nobody measures
	}
	l.Color, l.Width, l.StepStyle = colorOf(c.Color), 1.6, step
	p.Add(l)
	if legend {
		p.Legend.Add(withRoom(c.Name), l)
	}
}

// thin leaves out points that are on the one before, as far as can be seen.
func thin(points plotter.XYs) plotter.XYs {
	xmin, xmax, ymin, ymax := plotter.XYRange(points)
	dx, dy := (xmax-xmin)/(2*width), (ymax-ymin)/(2*height)
	kept := points[:1:1]
	for i, p := range points[1:] {
		last := kept[len(kept)-1]
		if math.Abs(p.X-last.X) > dx || math.Abs(p.Y-last.Y) > dy || i == len(points)-2 {
			kept = append(kept, p)
		}
	}
	return kept
}

// svg draws a figure.
func svg(p *plot.Plot, width, height font.Length) string {
	c := vgsvg.NewWith(vgsvg.UseWH(width, height))
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic("plot: " + err.Error()) // into memory
	}
	return themed(b.String())
}

// themed puts variables of the page in the place of colours, and leaves out what an SVG in a
// page does not need.
func themed(svg string) string {
	pairs := []string{
		"font-family:Liberation Sans;font-variant:sans;font-weight:normal;font-style:normal;", "",
	}
	for _, c := range theme {
		r, g, b, _ := c.color.RGBA()
		pairs = append(pairs, fmt.Sprintf("#%02X%02X%02X", r>>8, g>>8, b>>8), c.variable)
	}
	svg = svg[strings.Index(svg, "<svg"):]
	svg = roomBehind.ReplaceAllString(strings.NewReplacer(pairs...).Replace(svg), "</text>")
	return sizeInPoints.ReplaceAllString(svg, `width="$1" height="$2" `+fontFamily+` viewBox`)
}

const fontFamily = `style="font-family:system-ui,'Segoe UI','Liberation Sans',Arial,sans-serif"`

var sizeInPoints = regexp.MustCompile(`width="(\d+)pt" height="(\d+)pt" viewBox`)
