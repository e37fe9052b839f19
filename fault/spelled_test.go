package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alsoEvents are kinds whose names are those of events of the network as well.
var alsoEvents = map[string]bool{string(Reset): true}

// What a fault disturbs is in the history, so that those who judge one know no kind by
// its name. Tests may spell anything.
func TestCheckersKnowNoKind(t *testing.T) {
	files := token.NewFileSet()
	read := 0
	err := filepath.WalkDir("../checker", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		require.NoError(t, err)
		read++
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				if _, kind := specs[Kind(text)]; kind && !alsoEvents[text] {
					t.Errorf("%s spells the kind of fault %q: ask what the fault disturbs", files.Position(lit.Pos()), text)
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, read)
}

// What one kind disturbs is counted somehow.
func TestEveryKindDisturbsSomething(t *testing.T) {
	for i := range Specs {
		require.NotEmpty(t, Specs[i].Disturbs, Specs[i].Kind)
		for _, what := range Specs[i].Disturbs {
			require.NotEmpty(t, what.Counted(), what)
		}
	}
	f := Fault{Kind: EtcdRestart}
	require.Len(t, f.Disturbs(), 1, "its data stays")
	f.Empty = true
	require.Len(t, f.Disturbs(), 2)
	f = Fault{Kind: Partition, OneWay: true}
	require.Equal(t, "cut-one-way", string(f.Disturbs()[0]))
}
