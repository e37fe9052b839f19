package console

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestObjectsOfStandardInput(t *testing.T) {
	require.Equal(t, []string{"-objects", "a", "-objects", "-", "-objects", "b", "-seed", "1"}, spread([]string{"-objects", "a", "-", "b", "-seed", "1"}))
}

func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := &Progress{w: &out, terminal: true}
	p.Show("one %d", 1)
	p.Show("shown too soon")
	fmt.Fprint(p.Before(&out), "text\n")
	require.Equal(t, "\rone 1\r     \rtext\n", out.String())
	require.Equal(t, "[############............]", Bar(1, 2))
}

// A log has a line a minute of what takes longer, and the lines of a build.
func TestProgressInALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &Progress{w: &out}
		for i := range 150 {
			p.Show("after %d s", i)
			time.Sleep(time.Second)
		}
		require.Equal(t, "after 60 s\nafter 120 s\n", out.String())
		out.Reset()
		build := &Progress{w: &out}
		build.Log("building")
		build.Log("building on")
		time.Sleep(buildEvery)
		build.Log("still building")
		require.Equal(t, "building\nstill building\n", out.String())
	})
}

// A log gets a line each minute, also while no seed ends.
func TestProgressIsRepeated(t *testing.T) {
	var b strings.Builder
	p := &Progress{w: &b}
	end := p.KeepSaying("comparing 3 seeds")
	p.repeat()
	require.Empty(t, b.String(), "what takes a moment has no line")
	p.mu.Lock()
	p.last = p.last.Add(-logEvery)
	p.mu.Unlock()
	p.repeat()
	p.repeat()
	end()
	require.Equal(t, "comparing 3 seeds\n", b.String())
}

func TestQuoteArgument(t *testing.T) {
	require.Equal(t, "a-b/c=1", quoteArgument("a-b/c=1"))
	require.Equal(t, "'a b'", quoteArgument("a b"))
	require.Equal(t, `'it'\''s'`, quoteArgument("it's"))
	require.Equal(t, "''", quoteArgument(""))
}
