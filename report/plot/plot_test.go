package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parse returns the texts of a figure, and how many paths there are in each colour.
func parse(t *testing.T, svg string) (texts []string, paths map[string]int) {
	require.NotRegexp(t, `#0\d010`, svg, "a colour that stands for a variable")
	paths = map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	for in := ""; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts, paths
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			in = e.Name.Local
			for _, a := range e.Attr {
				if _, color, found := strings.Cut(a.Value, "stroke:var("); found && in == "path" {
					name, _, _ := strings.Cut(color, ",")
					paths[name]++
				}
			}
		case xml.EndElement:
			in = ""
		case xml.CharData:
			if in == "text" {
				texts = append(texts, string(e))
			}
		}
	}
}

func TestDistribution(t *testing.T) {
	curves := []Curve{
		{"crd", 1, [][2]float64{{0.0005, 0.5}, {0.02, 0.9}, {30, 0.999}, {45, 1}}},
		{"clustermesh", 2, [][2]float64{{0, 0.2}, {0.004, 1}}},
		{"nothing", 3, nil},
	}
	svg := Distribution(curves)
	texts, paths := parse(t, svg)
	require.Subset(t, texts, []string{"percentile", "50", "90", "99", "99.9", "≤ 0.1 ms", "1 ms", "10 ms", "1 s", "100 s", "crd", "clustermesh"})
	require.NotContains(t, texts, "nothing")
	require.Equal(t, 2, paths["--plot1"], "a curve, and its place in the legend")
	require.Equal(t, 2, paths["--plot2"])
	require.Zero(t, paths["--plot3"])
	require.Equal(t, svg, Distribution(curves), "the same numbers give the same figure")
	require.Empty(t, Distribution(nil))
	require.NotEmpty(t, Distribution([]Curve{{"one", 1, [][2]float64{{2, 1}}}}))
}

// A curve of very many points is as small as what can be seen of it.
func TestThin(t *testing.T) {
	var c Curve
	for i := range 200_000 {
		c.Points = append(c.Points, [2]float64{math.Exp(float64(i) / 2e4), float64(i+1) / 200_000})
	}
	require.Less(t, len(Distribution([]Curve{c})), 40_000)
}

func TestOverTime(t *testing.T) {
	texts, paths := parse(t, OverTime("seconds of churn", "requests/s", []Curve{{"crd", 1, [][2]float64{{-10, 3}, {0, 5}, {300, 0.5}}}}))
	require.Subset(t, texts, []string{"seconds of churn", "requests/s", "0", "100", "2"})
	require.Equal(t, 1, paths["--plot1"], "one curve needs no legend")
	require.Empty(t, OverTime("", "", nil))
	require.NotEmpty(t, OverTime("", "", []Curve{{"", 1, [][2]float64{{0, 0}, {1, 0}}}}), "nothing happens")
}

func TestBoxes(t *testing.T) {
	texts, paths := parse(t, Boxes("requests/s", []Group{{"crd", 1, []float64{1, 2, 3, 4, 90}}, {"kvstore", 3, nil}, {"clustermesh", 2, []float64{20000}}}))
	require.Subset(t, texts, []string{"requests/s", "crd", "clustermesh", "kvstore", "5000", "10k"})
	require.Greater(t, paths["--plot1"], 3)
	require.Greater(t, paths["--plot2"], 1)
	require.Zero(t, paths["--plot3"])
}

func TestNumbers(t *testing.T) {
	labels := func(low, high float64, about int) (all []string) {
		for _, tick := range numbers(about)(low, high) {
			all = append(all, tick.Label)
		}
		return all
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, labels(0, 4.1, 5))
	require.Equal(t, []string{"0.00", "0.02", "0.04", "0.06"}, labels(0, 0.07, 4))
	require.Equal(t, []string{"-100", "0", "100", "200", "300"}, labels(-110, 330, 5))
	require.Equal(t, []string{"0", "5000", "10k", "15k"}, labels(0, 15_500, 4))
}
