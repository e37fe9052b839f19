package det

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/internal/files"
)

//go:embed rt/edits.txt
var editsText string

//go:embed rt/detrt.go.txt
var detrtSource string

// wholeEditsText and wholeSource come on top in the worker of whole agents.
//
//go:embed rt/whole.txt
var wholeEditsText string

//go:embed rt/whole.go.txt
var wholeSource string

// edit replaces old by new in a file under GOROOT/src: the first occurrence
// behind the line that begins with within, or the only one of the file, or
// (all) every one.
type edit struct {
	file, why, within, old, new string
	all                         bool
}

// parseEdits reads rt/edits.txt or rt/whole.txt: after a preamble that ends at an empty line,
// blocks of
//
//	edit FILE[ all]: WHY
//	within BEGINNING OF A LINE (optional; must occur once, white space before it is ignored)
//	<<<<
//	old text
//	====
//	new text
//	>>>>
func parseEdits(text string) ([]edit, error) {
	_, text, _ = strings.Cut(text, "\n\n")
	var edits []edit
	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n>>>>\n"), "\n>>>>\n\n") {
		head, body, ok := strings.Cut(block, "\n<<<<\n")
		old, new, ok2 := strings.Cut(body, "\n====\n")
		head, within, _ := strings.Cut(head, "\nwithin ")
		where, why, ok3 := strings.Cut(strings.TrimPrefix(head, "edit "), ": ")
		if !ok || !ok2 || !ok3 {
			return nil, fmt.Errorf("rt: block %d of edits is malformed: %.60q", len(edits)+1, block)
		}
		file, all := strings.CutSuffix(where, " all")
		edits = append(edits, edit{file, why, within, old, new, all})
	}
	return edits, nil
}

// apply makes the edit in the file's text.
func (e edit) apply(text string) (string, error) {
	from := 0
	if e.within != "" {
		n := 0
		for pos := 0; pos < len(text); {
			line, _, _ := strings.Cut(text[pos:], "\n")
			if strings.HasPrefix(strings.TrimLeft(line, "\t "), e.within) {
				from = pos
				n++
			}
			pos += len(line) + 1
		}
		if n != 1 {
			return "", fmt.Errorf("the line %q occurs %d times, not once", e.within, n)
		}
	}
	n := strings.Count(text[from:], e.old)
	if n == 0 || n > 1 && e.within == "" && !e.all {
		return "", fmt.Errorf("the text %.80q occurs %d times, not once", e.old, n)
	}
	if e.all {
		return strings.ReplaceAll(text, e.old, e.new), nil
	}
	return text[:from] + strings.Replace(text[from:], e.old, e.new, 1), nil
}

// overlayDir names the directory of an overlay by what is in it: another version of
// this package may be building at the same time.
func overlayDir(goversion string, whole bool) string {
	sum := sha256.Sum256([]byte(overlayText(whole)))
	return fmt.Sprintf("overlay-%s-%x", goversion, sum[:8])
}

// overlayText is all that an overlay is made of.
func overlayText(whole bool) string {
	if whole {
		return editsText + detrtSource + wholeEditsText + wholeSource
	}
	return editsText + detrtSource
}

// WriteOverlay writes the edited copies of the toolchain's files and an overlay
// file for go build's -overlay flag into dir, and returns the overlay's path.
// Files whose content is right already are left alone. An edit that does not
// fit the toolchain is an error that names the file and the edit. Whole is for the worker
// of whole agents.
func WriteOverlay(goroot, dir string, whole bool) (string, error) {
	edits, err := parseEdits(editsText)
	if err != nil {
		return "", err
	}
	added := map[string]string{"runtime/zdetrt.go": detrtSource}
	if whole {
		more, err := parseEdits(wholeEditsText)
		if err != nil {
			return "", err
		}
		edits = append(edits, more...)
		added["runtime/zwhole.go"] = wholeSource
	}
	var edited []string // in order of first edit
	text := map[string]string{}
	for _, e := range edits {
		if _, ok := text[e.file]; !ok {
			b, err := os.ReadFile(filepath.Join(goroot, "src", e.file))
			if err != nil {
				return "", fmt.Errorf("the Go toolchain in %s has no %s, which the deterministic runtime edits (to %s)", goroot, e.file, e.why)
			}
			text[e.file] = string(b)
			edited = append(edited, e.file)
		}
		if text[e.file], err = e.apply(text[e.file]); err != nil {
			return "", fmt.Errorf("the deterministic runtime does not fit the Go toolchain in %s: %s, edit %q: %w; use the toolchain that go.mod names, or -runtime=stock", goroot, e.file, e.why, err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(added)) {
		text[file] = added[file]
		edited = append(edited, file)
	}

	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, file := range edited {
		dst := filepath.Join(dir, strings.ReplaceAll(file, "/", "__"))
		if err := writeIfChanged(dst, []byte(text[file])); err != nil {
			return "", err
		}
		replace[filepath.Join(goroot, "src", file)] = dst
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, writeOverlayFile(overlay, replace)
}

// overlayForm is the file of go build's -overlay flag: which file takes the place
// of which.
type overlayForm struct{ Replace map[string]string }

func writeOverlayFile(name string, replace map[string]string) error {
	b, err := json.MarshalIndent(overlayForm{replace}, "", "\t")
	if err != nil {
		return err
	}
	return writeIfChanged(name, append(b, '\n'))
}

func readOverlay(name string) (replace map[string]string, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var form overlayForm
	if err := json.Unmarshal(b, &form); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return form.Replace, nil
}

func writeIfChanged(name string, b []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(b) {
		return nil
	}
	return files.Write(name, b)
}
