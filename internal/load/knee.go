package load

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/report/plot"
)

// The limits and the rates of the knee's runs, and for how long each rate is kept up.
var (
	kneeLimits = []int{20, 50, 100, Unlimited}
	kneeRates  = []int{10, 20, 40, 60, 80, 100}
)

const kneeLength = 40 * time.Second

// KneeRuns are those that show where a writer's limit bends the curve.
func KneeRuns() (all []Run) {
	for _, qps := range kneeLimits {
		for _, rate := range kneeRates {
			all = append(all, Run{fmt.Sprintf("knee-%s-%d", limit(qps), rate), Knee(qps, rate, kneeLength)})
		}
	}
	return all
}

// PlotKnee draws lag and depth against the rate, a curve for each limit, as one SVG.
func PlotKnee(results []*Result) string {
	curves := func(of func(*Result) float64) (all []plot.Curve) {
		for i, qps := range kneeLimits {
			c := plot.Curve{Name: limit(qps) + " requests/s", Color: i + 1}
			for _, r := range results {
				if r.WriterQPS == qps {
					c.Points = append(c.Points, [2]float64{float64(r.PerSecond), of(r)})
				}
			}
			all = append(all, c)
		}
		return all
	}
	return stacked(
		plot.Lines("pods per second", "lag, p99 in seconds", curves(func(r *Result) float64 { return r.Lag[mode.Replica].P99 })),
		plot.Lines("pods per second", "most entries behind", curves(func(r *Result) float64 { return float64(r.MostBehind[mode.Replica]) })))
}

// stacked puts figures of one size below each other.
func stacked(figures ...string) string {
	var b strings.Builder
	width, height := plot.Size()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d">`+"\n", width, height*len(figures))
	for i, f := range figures {
		fmt.Fprintf(&b, `<g transform="translate(0,%d)">%s</g>`+"\n", i*height, f)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
