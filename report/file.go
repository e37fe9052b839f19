package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// FileVersion is the version of the file form of a verdict; docs/verdict.md describes it.
const FileVersion = 1

// verdictFile is a verdict with what is known of the run that was judged, in its file
// form. How long judging took is not in it: equal histories give equal files.
type verdictFile struct {
	Version   int             `json:"version"`
	Name      string          `json:"name"` // of what was judged
	Hash      string          `json:"hash"` // of the history
	Churn     time.Duration   `json:"churn,omitempty"`
	Virtual   time.Duration   `json:"virtual"`
	Shutdown  time.Duration   `json:"shutdown,omitempty"`
	Records   int             `json:"records"`
	Plan      json.RawMessage `json:"plan,omitempty"`
	PlanError string          `json:"planError,omitempty"` // why there is none
	checker.Verdict
}

var verdictForm = strictjson.Form{
	What: "verdict", How: "simrun check -verdict FILE HISTORY writes one", Version: FileVersion, Raw: "a plan, which is an object",
}

// EncodeVerdict returns the verdict of a history in its file form, which ReadVerdict
// reads back.
func (r *Run) EncodeVerdict() []byte {
	form := verdictFile{Version: FileVersion, Name: r.Name, Hash: r.Hash, Churn: r.Churn, Virtual: r.Virtual, Shutdown: r.Shutdown, Records: r.Records, Verdict: r.Verdict}
	if r.Plan != nil {
		form.Plan = json.RawMessage(r.Plan.Line())
	}
	if r.PlanErr != nil {
		form.PlanError = r.PlanErr.Error()
	}
	return strictjson.Indented(form)
}

// ReadVerdict reads a verdict in its file form. The name stands for the file in errors,
// which are one sentence with the file, the line, the field and what would be right.
// Fields that a verdict does not have are refused, and so is what no checker can have
// said: an unknown property or rule, a violation without the facts that its rule tells.
func ReadVerdict(name string, data []byte) (*Run, error) {
	var form verdictFile
	if err := strictjson.Read(name, data, &form, verdictForm, form.resolve); err != nil {
		return nil, err
	}
	run := &Run{Name: form.Name, Verdict: form.Verdict, Hash: form.Hash, Churn: form.Churn, Virtual: form.Virtual, Shutdown: form.Shutdown, Records: form.Records}
	if form.Plan == nil {
		run.PlanErr = errors.New(form.PlanError)
		return run, nil
	}
	var err error
	if run.Plan, err = fault.Read(name+": plan", form.Plan); err != nil {
		return nil, err
	}
	return run, nil
}

// resolve looks up the rules that were read by their names, and says what is not as a
// checker's verdict is.
func (f *verdictFile) resolve() *strictjson.Flaw {
	switch {
	case len(f.Results) == 0:
		return strictjson.Flawf("results", "want the result of each property")
	case (f.Plan == nil) == (f.PlanError == ""):
		return strictjson.Flawf("plan", "want either plan or planError, which says why there is none")
	}
	properties := map[string][]*checker.Rule{}
	var names []string
	for _, p := range checker.Properties() {
		properties[p.Name] = p.Rules
		names = append(names, p.Name)
	}
	for i := range f.Results {
		r := &f.Results[i]
		at := fmt.Sprintf("results[%d]", i)
		rules, known := properties[r.Property]
		switch {
		case !known:
			return strictjson.Flawf(at+".property", "found %s; want one of %s", strictjson.Quote(r.Property), strings.Join(names, ", "))
		case !slices.Contains(checker.Outcomes(), r.Outcome):
			return strictjson.Flawf(at+".outcome", "found %s; want one of %s", strictjson.Quote(string(r.Outcome)), outcomes())
		case (r.Outcome == checker.Fail) != (len(r.Violations) > 0):
			return strictjson.Flawf(at+".violations", "a property has violations if its outcome is fail, and else none; found %d and the outcome %s", len(r.Violations), r.Outcome)
		}
		for j := range r.Violations {
			v := &r.Violations[j]
			if flaw := resolve(fmt.Sprintf("%s.violations[%d]", at, j), &v.Rule, &v.Facts, rules); flaw != nil {
				return flaw
			}
			if v.Cause == nil {
				continue
			}
			for k := range v.Cause.Proofs {
				if flaw := resolveProof(fmt.Sprintf("%s.violations[%d].cause.proofs[%d]", at, j, k), &v.Cause.Proofs[k]); flaw != nil {
					return flaw
				}
			}
		}
	}
	return nil
}

func resolveProof(at string, p *checker.Proof) *strictjson.Flaw {
	var names []string
	for _, m := range checker.Mechanisms() {
		if m.Name == p.Mechanism {
			return resolve(at, &p.Rule, &p.Facts, m.Rules)
		}
		names = append(names, m.Name)
	}
	return strictjson.Flawf(at+".mechanism", "found %s; want one of %s", strictjson.Quote(p.Mechanism), strings.Join(names, ", "))
}

// resolve replaces a rule that was read by the one of its name, and sees that the facts
// are those that it tells.
func resolve(at string, rule **checker.Rule, facts *checker.Facts, rules []*checker.Rule) *strictjson.Flaw {
	var names []string
	for _, known := range rules {
		if *rule != nil && known.Name == (*rule).Name {
			*rule = known
			if !tells(known, facts) {
				return strictjson.Flawf(at, "facts are missing that the rule %s tells", known.Name)
			}
			return nil
		}
		names = append(names, known.Name)
	}
	return strictjson.Flawf(at+".rule", "want one of %s", strings.Join(names, ", "))
}

// tells reports whether a rule has the facts that it needs for its sentence.
func tells(rule *checker.Rule, facts *checker.Facts) (does bool) {
	defer func() { does = recover() == nil }()
	rule.Text(facts)
	return
}

func outcomes() string {
	var names []string
	for _, o := range checker.Outcomes() {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
}
