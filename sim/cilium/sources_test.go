package cilium

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAssumptions(t *testing.T) {
	for _, sentence := range broken(readSources(t), privateFields, linkedNames, copiedCodes, copiedSettings) {
		t.Error(sentence)
	}
}

// A version of Cilium that is not as assumed gets a sentence for each assumption.
func TestBrokenAssumptionsAreNamed(t *testing.T) {
	require.Equal(t, []string{
		`github.com/cilium/hive: the field shutdown of Hive is "chan error", but sim/cilium needs it as "chan int"`,
		`github.com/cilium/hive: the field stop of Hive is gone, but sim/cilium needs it as "bool"`,
		`go.etcd.io/etcd/client/v3: valCtxCh is "make(chan struct{})", but sim/cilium needs it as "func()"`,
		`github.com/cilium/hive: (*Hive).Run has changed; sim/mesh/writer.go does the same by itself: compare them, then write "46b527621eb65a3c" into assumptions_test.go`,
		`github.com/cilium/hive: (*Hive).Walk is gone; sim/mesh/writer.go does the same by itself: find what has taken its place`,
		`github.com/cilium/cilium/pkg/kvstore: connectEtcdClient has no "config.DialTimeout = 1" any more, by which sim/proc goes: find what is set now`,
	}, broken(readSources(t),
		[]privateField{{hiveModule, "Hive", "shutdown", "chan int"}, {hiveModule, "Hive", "stop", "bool"}},
		[]linkedName{{"go.etcd.io/etcd/client/v3", "valCtxCh", "func()"}},
		[]copiedCode{{hiveModule, "(*Hive).Run", "sim/mesh/writer.go", "0"}, {hiveModule, "(*Hive).Walk", "sim/mesh/writer.go", "0"}},
		[]copiedSetting{{ciliumModule + "pkg/kvstore", "connectEtcdClient", "config.DialTimeout = 1", "sim/proc"}}))
}

// broken returns a sentence for each assumption that the sources do not meet.
func broken(sources map[string]source, fields []privateField, names []linkedName, codes []copiedCode, settings []copiedSetting) (sentences []string) {
	add := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	for _, f := range fields {
		if is, ok := sources[f.pkg].fields[f.structure+"."+f.name]; !ok || is != f.is {
			add("%s: the field %s of %s is %s, but sim/cilium needs it as %q", f.pkg, f.name, f.structure, found(is, ok), f.is)
		}
	}
	for _, n := range names {
		if is, ok := sources[n.pkg].signatures[n.name]; !ok || is != n.is {
			add("%s: %s is %s, but sim/cilium needs it as %q", n.pkg, n.name, found(is, ok), n.is)
		}
	}
	for _, c := range codes {
		text, ok := sources[c.pkg].declarations[c.name]
		sum := sha256.Sum256([]byte(text))
		switch got := hex.EncodeToString(sum[:8]); {
		case !ok:
			add("%s: %s is gone; %s does the same by itself: find what has taken its place", c.pkg, c.name, c.by)
		case got != c.sum:
			add("%s: %s has changed; %s does the same by itself: compare them, then write %q into assumptions_test.go", c.pkg, c.name, c.by, got)
		}
	}
	for _, c := range settings {
		text := strings.Join(strings.Fields(sources[c.pkg].declarations[c.name]), " ")
		if !strings.Contains(" "+text+" ", " "+c.is+" ") {
			add("%s: %s has no %q any more, by which %s goes: find what is set now", c.pkg, c.name, c.is, c.by)
		}
	}
	return sentences
}

func found(is string, ok bool) string {
	if !ok {
		return "gone"
	}
	return fmt.Sprintf("%q", is)
}

// Every private field and every linkname that this package uses is among its
// assumptions, and nobody else below sim has any.
func TestAssumptionsAreComplete(t *testing.T) {
	named := map[string]bool{}
	for _, f := range privateFields {
		named[f.name] = true
	}
	for _, n := range linkedNames {
		named[n.pkg+"."+n.name] = true
	}
	for path, file := range parseTree(t, "..") {
		here := filepath.Dir(path) == filepath.Join("..", "cilium")
		for _, group := range file.Comments {
			for _, c := range group.List {
				words := strings.Fields(c.Text)
				if words[0] != "//go:linkname" || strings.HasPrefix(words[2], "runtime.") || strings.Contains(words[2], ".detrt") { // ours: the deterministic runtime's
					continue
				}
				require.True(t, here, "%s has a go:linkname; it belongs into sim/cilium", path)
				require.True(t, named[words[2]], "%s: %s is not among the linkedNames", path, words[2])
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "UnsafeAddr" {
				require.True(t, here, "%s reads a private field; that belongs into sim/cilium", path)
			}
			if fun, ok := call.Fun.(*ast.Ident); ok && fun.Name == "set" && here {
				name := strings.Trim(call.Args[1].(*ast.BasicLit).Value, `"`)
				require.True(t, named[name], "%s: the field %s is not among the privateFields", path, name)
			}
			if index, ok := call.Fun.(*ast.IndexExpr); ok && here {
				if fun, ok := index.X.(*ast.Ident); ok && fun.Name == "field" {
					name := strings.Trim(call.Args[1].(*ast.BasicLit).Value, `"`)
					require.True(t, named[name], "%s: the field %s is not among the privateFields", path, name)
				}
			}
			return true
		})
	}
}

// parseTree parses the Go files below a directory, but for tests and test data.
func parseTree(t *testing.T, root string) map[string]*ast.File {
	files := map[string]*ast.File{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		}
		return err
	}))
	return files
}

// source is what a package declares.
type source struct {
	fields       map[string]string // "Struct.field": type
	signatures   map[string]string // of functions; the value of variables
	declarations map[string]string // the text of functions and variables
}

// readSources reads the packages of which something is assumed.
func readSources(t *testing.T) map[string]source {
	sources := map[string]source{}
	args := []string{"list", "-e", "-f", "{{.ImportPath}} {{.Dir}} {{join .GoFiles \" \"}}"}
	for _, f := range privateFields {
		args = append(args, f.pkg)
	}
	for _, n := range linkedNames {
		args = append(args, n.pkg)
	}
	for _, c := range copiedCodes {
		args = append(args, c.pkg)
	}
	for _, c := range copiedSettings {
		args = append(args, c.pkg)
	}
	output, err := exec.Command("go", args...).Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(output)) {
		words := strings.Fields(line)
		s := source{map[string]string{}, map[string]string{}, map[string]string{}}
		for _, name := range words[2:] {
			s.read(t, filepath.Join(words[1], name))
		}
		sources[words[0]] = s
	}
	return sources
}

func (s source) read(t *testing.T, path string) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	require.NoError(t, err)
	text := func(n any) string {
		var b strings.Builder
		require.NoError(t, printer.Fprint(&b, fset, n))
		return b.String()
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = "(" + text(d.Recv.List[0].Type) + ")." + name
			}
			s.signatures[name], s.declarations[name] = text(d.Type), text(d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				s.spec(spec, text)
			}
		}
	}
}

func (s source) spec(spec ast.Spec, text func(any) string) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, f := range structure.Fields.List {
			if len(f.Names) == 0 {
				s.fields[spec.Name.Name+"."+text(f.Type)] = ""
			}
			for _, name := range f.Names {
				s.fields[spec.Name.Name+"."+name.Name] = text(f.Type)
			}
		}
	case *ast.ValueSpec:
		for i, name := range spec.Names {
			if i < len(spec.Values) {
				s.signatures[name.Name], s.declarations[name.Name] = text(spec.Values[i]), text(spec.Values[i])
			} else if spec.Type != nil {
				s.signatures[name.Name] = text(spec.Type)
			}
		}
	}
}
