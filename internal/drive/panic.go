package drive

import (
	"strings"

	"github.com/meshcheck/meshcheck/report"
)

// panicPages are the pages of testdata/findings on panics, by the function that panics.
var panicPages = map[string]string{
	"ciliumendpointslice.(*CESCache).clearStaleState": "slim-operator-dies-of-a-deleted-node",
}

// codeUnderTest are the modules whose panics are findings, and no failure of the harness.
var codeUnderTest = []string{"github.com/cilium/", "go.etcd.io/", "k8s.io/", "sigs.k8s.io/"}

// PanicOf finds the panic in the output of a worker that ended by one of the code under
// test: by the first stack, the frame that is of a module. It returns nil for every other
// end, a panic of this module among them.
func PanicOf(output string) *report.Panic {
	value, stack, found := strings.Cut(output, " [running")
	if !found || !strings.Contains(value, "panic: ") {
		return nil
	}
	_, stack, _ = strings.Cut(stack, "\n")
	lines := strings.Split(stack, "\n")
	for i, frame := range lines {
		switch {
		case strings.TrimSpace(frame) == "":
			return nil // the stack has ended
		case frame[0] == '\t' || !ofModule(frame):
			continue
		case !isUnderTest(frame):
			return nil
		}
		p := &report.Panic{Function: functionOf(frame), Value: strings.TrimPrefix(Cause(output), "panic: ")}
		if i+1 < len(lines) {
			p.At, _, _ = strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		}
		p.Page = panicPages[p.Function]
		return p
	}
	return nil
}

// ofModule reports whether a frame is of a module, and not of the standard library, whose
// packages have no dot in the first part of their path.
func ofModule(frame string) bool {
	first, _, more := strings.Cut(frame, "/")
	return more && strings.Contains(first, ".") && !strings.Contains(first, "(") || strings.HasPrefix(frame, "main.")
}

func isUnderTest(frame string) bool {
	for _, module := range codeUnderTest {
		if strings.HasPrefix(frame, module) {
			return true
		}
	}
	return false
}

// functionOf is a frame's function with the last part of its package's path, such as
// "ciliumendpointslice.(*CESCache).clearStaleState".
func functionOf(frame string) string {
	call := strings.LastIndex(frame, "(")
	if call < 0 {
		return frame
	}
	return frame[strings.LastIndex(frame[:call], "/")+1 : call]
}
