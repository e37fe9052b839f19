package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/meshcheck/meshcheck/internal/files"
	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// mostBytes is the most that a plan's file may have: a plan of all that the form allows
// has less.
const mostBytes = 256 << 20

// ReadFile reads and validates the plan in a file. Its errors are one sentence
// with the file, the line, the field and what would be right.
func ReadFile(file string) (*Plan, error) {
	data, err := files.Read(file, mostBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read the plan: %w", file, err)
	}
	return Read(file, data)
}

// Read reads and validates a plan in its file form. The name stands for the file
// in errors, which are as those of ReadFile. Fields that a plan does not have,
// fields given twice and text after the plan are refused.
func Read(name string, data []byte) (*Plan, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s: the file is empty; a plan is a JSON object, and simrun -seed 1 -write-plan FILE writes one", name)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("%s: this is not a plan but binary data; a plan is a JSON object", name)
	}
	plan := new(Plan)
	if p := strictjson.Decode(data, plan, form); p != nil {
		return nil, (&flaw{p.Path, p.Text, p.Offset}).in(name, data, versionFlaw(data))
	}
	if p := validate(plan); p != nil {
		return nil, p.in(name, data, nil)
	}
	return plan, nil
}

// Validate says what makes the plan impossible to run: nil, or one sentence with
// the field and what would be right. Read has validated what it returns.
func (p *Plan) Validate() error {
	if problem := validate(p); problem != nil {
		return fmt.Errorf("%s: %s", problem.path, problem.text)
	}
	return nil
}

// A flaw is what is wrong with a field. If offset is positive it is where in
// the file the field ends; otherwise the path tells.
type flaw struct {
	path   string // such as ops[3].pod.node; empty for the plan as a whole
	text   string
	offset int64
}

func flawf(path, format string, args ...any) *flaw {
	return &flaw{path: path, text: fmt.Sprintf(format, args...)}
}

// in makes the sentence about the problem in the named file. A flaw of the
// file's version, if there is one, explains all the others and takes their place.
func (p *flaw) in(name string, data []byte, version *flaw) error {
	if version != nil {
		p = version
	}
	if p.offset == 0 {
		p.offset = strictjson.Locate(data, p.path, new(Plan), form)
	}
	return (&strictjson.Flaw{Path: p.path, Text: p.text, Offset: p.offset}).In(name, data)
}

// versionFlaw looks for a version that this program does not read, in a file
// that does not decode: the other form is then the reason.
func versionFlaw(data []byte) *flaw {
	var form struct{ Version *int }
	if json.Unmarshal(data, &form) != nil || form.Version == nil || *form.Version == Version {
		return nil
	}
	return checkVersion(*form.Version)
}

func checkVersion(version int) *flaw {
	switch {
	case version == Version:
		return nil
	case version == 0:
		return flawf("version", "the version of the file form is missing; this program reads version %d", Version)
	}
	return flawf("version", "the file form has version %d; this program reads version %d", version, Version)
}

// form is what a plan's file holds.
var form = strictjson.Form{What: "plan", Raw: "a Kubernetes object", Text: map[reflect.Type]string{
	reflect.TypeFor[Duration](): `a duration as text, such as "12.5s"`,
}}
