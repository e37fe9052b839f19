package plot

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
)

// leastSeconds is the lower end of a logarithmic scale of time: what took less took nothing.
const leastSeconds = 1e-4

// Distribution draws how many seconds are not exceeded in which part of all. A point of a
// curve is a number of seconds, and the part of all that are not greater; both rise. The
// scale of percentiles has as much room from 90 to 99 as from 99 to 99.9, and that of
// seconds is logarithmic, since what is asked of latencies is their tail.
func Distribution(all []Curve) string {
	p := newPlot("percentile", "")
	low, high, last := math.Inf(1), math.Inf(-1), 1.0
	for _, c := range all {
		if len(c.Points) == 0 {
			continue
		}
		points := plotter.XYs{{X: 0, Y: log(c.Points[0][0])}}
		// The greatest is at no percentile of this scale: it is half a step beyond the one before.
		before := 0.0
		for i, at := range c.Points {
			x := percentile(at[1])
			if i == len(c.Points)-1 {
				x = percentile(before+(1-before)/2) + 0.15
			}
			before = at[1]
			points = append(points, plotter.XY{X: max(x, points[len(points)-1].X), Y: log(at[0])})
		}
		end := points[len(points)-1]
		low, high, last = min(low, points[0].Y), max(high, end.Y), max(last, end.X)
		add(p, c, points, plotter.PreStep, len(all) > 1)
	}
	if math.IsInf(low, 1) {
		return ""
	}
	p.X.Min, p.X.Max, p.X.Tick.Marker = 0, last, percentiles
	p.Y.Min, p.Y.Max = math.Floor(low), max(math.Floor(low)+1, math.Ceil(high))
	p.Y.Tick.Marker = plot.TickerFunc(decades)
	return svg(p, width, height)
}

func log(seconds float64) float64 { return math.Log10(max(leastSeconds, seconds)) }

// percentile is the place of a part of all.
func percentile(part float64) float64 { return -math.Log10(max(1e-9, 1-part)) }

var percentiles = plot.ConstantTicks{
	{Value: 0, Label: "0"}, {Value: percentile(.5), Label: "50"}, {Value: 1, Label: "90"}, {Value: 2, Label: "99"},
	{Value: 3, Label: "99.9"}, {Value: 4, Label: "99.99"}, {Value: 5, Label: "99.999"},
}

// decades marks powers of ten of seconds.
func decades(low, high float64) (ticks []plot.Tick) {
	for d := math.Round(low); d <= high; d++ {
		label := strconv.FormatFloat(math.Pow10(int(d)), 'f', -1, 64) + " s"
		if d < 0 {
			label = strconv.FormatFloat(math.Pow10(int(d)+3), 'f', -1, 64) + " ms"
		}
		if d == math.Round(log(0)) {
			label = "≤ " + label
		}
		ticks = append(ticks, plot.Tick{Value: d, Label: label})
	}
	return ticks
}

// OverTime draws something over seconds, which stays as it is from one point to the next.
func OverTime(x, y string, all []Curve) string { return curvesOf(x, y, all, plotter.PostStep) }

// Lines draws what was measured at some values of x, with lines between.
func Lines(x, y string, all []Curve) string { return curvesOf(x, y, all, plotter.NoStep) }

// Size is that of a figure, in pixels.
func Size() (wide, high int) { return width, height }

func curvesOf(x, y string, all []Curve, step plotter.StepKind) string {
	p := newPlot(x, y)
	empty := true
	for _, c := range all {
		points := make(plotter.XYs, len(c.Points))
		for i, at := range c.Points {
			points[i] = plotter.XY{X: at[0], Y: at[1]}
		}
		if len(points) == 0 {
			continue
		}
		empty = false
		add(p, c, points, step, len(all) > 1)
	}
	if empty {
		return ""
	}
	p.Y.Min = 0
	p.Y.Max *= 1.05
	if p.Y.Max == 0 {
		p.Y.Max = 1
	}
	p.Y.Tick.Marker = plot.TickerFunc(numbers(4))
	p.X.Tick.Marker = plot.TickerFunc(numbers(7))
	p.Legend.Left = false
	return svg(p, width, height)
}

// Group is what one box of a figure is of.
type Group struct {
	Name   string
	Color  int
	Values []float64
}

// Boxes draws, for each group, the median, the quartiles and what is beyond them.
func Boxes(x string, all []Group) string {
	p := newPlot(x, "")
	var names []string
	high := 0.0
	for i, g := range all {
		names = append(names, g.Name)
		if len(g.Values) == 0 {
			continue
		}
		// The first group is at the top.
		b, err := plotter.NewBoxPlot(14, float64(len(all)-1-i), plotter.Values(g.Values))
		if err != nil {
			panic("plot: " + err.Error()) // of numbers that are none, which nobody measures
		}
		b.Horizontal, b.CapWidth = true, 7
		b.BoxStyle.Color, b.MedianStyle.Color, b.WhiskerStyle.Color, b.GlyphStyle.Color = colorOf(g.Color), colorOf(g.Color), colorOf(g.Color), colorOf(g.Color)
		b.BoxStyle.Width, b.MedianStyle.Width, b.WhiskerStyle.Width, b.WhiskerStyle.Dashes, b.GlyphStyle.Radius = 1.2, 2.6, 1.2, nil, 1.6
		p.Add(b)
		high = max(high, b.Max)
	}
	p.X.Min, p.X.Max, p.X.Tick.Marker = 0, max(high*1.08, 1e-9), plot.TickerFunc(numbers(5))
	p.Y.Min, p.Y.Max = -0.6, float64(len(all))-0.4
	p.Y.Tick.Length = 0
	ticks := plot.ConstantTicks{}
	for i, name := range names {
		ticks = append(ticks, plot.Tick{Value: float64(len(all) - 1 - i), Label: withRoom(name)})
	}
	p.Y.Tick.Marker = ticks
	return svg(p, boxWidth, font.Length(46+26*len(all)))
}

// numbers marks about so many round numbers.
func numbers(about int) func(low, high float64) []plot.Tick {
	return func(low, high float64) (ticks []plot.Tick) {
		step := math.Pow10(int(math.Floor(math.Log10((high - low) / float64(about)))))
		for _, factor := range []float64{1, 2, 5, 10} {
			if (high-low)/(step*factor) <= float64(about) {
				step *= factor
				break
			}
		}
		for n := math.Ceil(low/step) + 0; n*step <= high; n++ { // + 0: of zeros the positive one
			ticks = append(ticks, plot.Tick{Value: n * step, Label: thousands(n*step, step)})
		}
		return ticks
	}
}

// thousands is a number with as many digits as its step needs, and commas.
func thousands(n, step float64) string {
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	if n < 1e4 {
		return strconv.FormatFloat(n, 'f', digits, 64)
	}
	return fmt.Sprintf("%.0fk", n/1e3)
}
