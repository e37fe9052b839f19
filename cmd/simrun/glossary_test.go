package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each term of docs/glossary.md is there once, in order, and what it cites exists.
func TestGlossary(t *testing.T) {
	text, err := os.ReadFile("../../docs/glossary.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "|---|---|---|\n")
	require.True(t, found)
	var terms []string
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "| \n"), " | ")
		require.Len(t, cells, 3, row)
		terms = append(terms, cells[0])
		place := strings.Trim(cells[2], "`")
		require.NotEmpty(t, place, row)
		if _, err := os.Stat(filepath.Join("../..", place)); err == nil {
			continue
		}
		dot := strings.LastIndexByte(place, '.')
		require.Positive(t, dot, "%s: there is no %s", cells[0], place)
		require.True(t, declares(t, filepath.Join("../..", place[:dot]), place[dot+1:]), "%s: there is no %s", cells[0], place)
	}
	require.True(t, slices.IsSorted(terms))
	require.Len(t, slices.Compact(slices.Clone(terms)), len(terms))
}

// declares reports whether the package in a folder declares a name at its top level.
func declares(t *testing.T, folder, name string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == name {
					return true
				}
			case *ast.GenDecl:
				if slices.ContainsFunc(d.Specs, func(spec ast.Spec) bool { return names(spec, name) }) {
					return true
				}
			}
		}
	}
	return false
}

func names(spec ast.Spec, name string) bool {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return s.Name.Name == name
	case *ast.ValueSpec:
		return slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.Name == name })
	}
	return false
}
