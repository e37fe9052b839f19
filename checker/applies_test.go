package checker

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/mode"
)

// What does not apply to the mode crd is so said of histories that would break it.
func TestWhatDoesNotApplyIsNotJudged(t *testing.T) {
	crd := mode.Mode{Base: mode.CRD}
	var not []string
	for _, p := range Properties() {
		if ok, why := crd.Applies(p.Name); !ok {
			require.NotEmpty(t, why, p.Name)
			not = append(not, p.Name)
		}
		ok, _ := mode.Mode{Base: mode.ClusterMesh}.Applies(p.Name)
		require.Equal(t, p.Name != mode.Enforced, ok, p.Name) // what agents there do not do
	}
	require.Equal(t, []string{"single-source", "fail-over", "etcd-revisions", "etcd-linearizable", "etcd-watch", "revision-origin", "etcd-members", "canaries", "leases"}, not,
		"all that the mode names are properties")
	for _, name := range not {
		data, err := os.ReadFile("../testdata/histories/" + name + ".history")
		require.NoError(t, err)
		h, err := history.Read(bytes.NewReader(data))
		require.NoError(t, err)
		for m, want := range map[string]Outcome{"crd": NotApplicable, "clustermesh": Fail, "": Fail, "unheard-of": Fail} {
			h.Plan = fmt.Sprintf(`{"mode":%q}`, m)
			r, _ := Check(index.New(h), Config{}).Result(name)
			require.Equal(t, want, r.Outcome, "%s in %s", name, m)
			require.Equal(t, want == Fail, len(r.Violations) > 0)
			require.NotEmpty(t, r.Evidence)
		}
	}
}

// What a mode promises is what it promises of the abstract mesh.
func TestPromisedAsInTheModel(t *testing.T) {
	for text, monotonic := range map[string]bool{"crd": true, "clustermesh": false, "clustermesh+fence": true, "": true} {
		v := Check(index.New(&history.History{Plan: `{"mode":"` + text + `"}`}), Config{})
		for _, r := range v.Results {
			require.Equal(t, r.Property != mode.Monotonic || monotonic, r.Promised, "%s in %s", r.Property, text)
		}
	}
}

func TestOutcomes(t *testing.T) {
	for outcomes, want := range map[string]Outcome{
		"":                            Unknown,
		"pass":                        Pass,
		"pass,not applicable":         Pass,
		"not applicable":              Unknown, // nothing was judged, which is no pass
		"unknown,not applicable":      Unknown,
		"pass,unknown":                Unknown,
		"pass,unknown,fail":           Fail,
		"fail,mistake,pass":           Mistake, // says nothing about Cilium
		"not applicable,fail,unknown": Fail,
	} {
		var v Verdict
		for o := range strings.SplitSeq(outcomes, ",") {
			if o != "" {
				v.Results = append(v.Results, Result{Outcome: Outcome(o)})
			}
		}
		require.Equal(t, want, v.Outcome(), outcomes)
	}
}

// A panic in a property is an error of this program, and the others are judged.
func TestPanicIsAMistake(t *testing.T) {
	in := &property.Input{Index: index.New(&history.History{})}
	r := judged(property.Property{Name: "broken", Check: func(*property.Input) property.Result { panic("index out of range") }}, in, mechanism.New(in))
	require.Equal(t, Result{Outcome: Mistake, Evidence: "meshcheck itself is wrong, which says nothing about Cilium: judging broken panicked: index out of range"}, r)
	explained := property.Property{Name: "owner", Check: func(*property.Input) property.Result {
		return property.Judged("one", []property.Violation{{Records: []int{7}}}) // there is no such record
	}}
	require.Equal(t, Mistake, judged(explained, in, mechanism.New(in)).Outcome)
}
