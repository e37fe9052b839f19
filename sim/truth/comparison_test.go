package truth

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reference is a world of views in which whole views are compared.
type reference struct {
	ledger *Ledger
	claims map[string][]Entry // by owner
	views  []view
}

type view struct {
	*Comparison
	shown map[claimKey]string
}

// wrong compares a whole view with the ledger.
func (w *reference) wrong(v view) (n int) {
	right := map[claimKey]map[string]bool{}
	for _, entries := range w.claims {
		for _, e := range entries {
			k := claimKey{e.Kind, e.Key}
			if right[k] == nil {
				right[k] = map[string]bool{}
			}
			right[k][e.Value] = true
			if _, ok := v.shown[k]; !ok {
				v.shown[k] = "" // no content is empty
			}
		}
	}
	for k, content := range v.shown {
		if !right[k][content] {
			n++
		}
		if content == "" {
			delete(v.shown, k)
		}
	}
	return n
}

// equal is the definition that a count of zero must agree with: as many entries as
// are claimed, and each of them claimed.
func (w *reference) equal(v view) bool {
	for k, content := range v.shown {
		if !w.ledger.Claimed(Entry{k.kind, k.key, content}) {
			return false
		}
	}
	return len(v.shown) == w.ledger.Keys()
}

func (w *reference) check(t *rapid.T) {
	keys := map[claimKey]bool{}
	for _, entries := range w.claims {
		for _, e := range entries {
			keys[claimKey{e.Kind, e.Key}] = true
		}
	}
	require.Equal(t, len(keys), w.ledger.Keys())
	for _, v := range w.views {
		require.Equal(t, w.wrong(v), v.Wrong())
		require.Equal(t, w.equal(v), v.Wrong() == 0)
	}
}

var drawnEntry = rapid.Custom(func(t *rapid.T) Entry {
	return Entry{
		Kind:  rapid.SampledFrom([]string{"identity", "node"}).Draw(t, "kind"),
		Key:   rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "key"),
		Value: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "value"),
	}
})

func TestComparisonCountsAsComparingWholeViewsDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := reference{ledger: NewLedger(), claims: map[string][]Entry{}}
		pick := func(t *rapid.T) view {
			if len(w.views) == 0 {
				t.Skip("no views")
			}
			return rapid.SampledFrom(w.views).Draw(t, "view")
		}
		t.Repeat(map[string]func(*rapid.T){
			"": w.check,
			"claim": func(t *rapid.T) {
				owner := rapid.SampledFrom([]string{"o", "p", "q"}).Draw(t, "owner")
				entries := rapid.SliceOfNDistinct(drawnEntry, 0, 4, func(e Entry) string { return e.Kind + e.Key }).Draw(t, "entries")
				w.ledger.Set(owner, entries)
				w.claims[owner] = entries
			},
			"show": func(t *rapid.T) {
				v, e := pick(t), drawnEntry.Draw(t, "entry")
				v.Show(e)
				v.shown[claimKey{e.Kind, e.Key}] = e.Value
			},
			"hide": func(t *rapid.T) {
				v, e := pick(t), drawnEntry.Draw(t, "entry")
				v.Hide(e.Kind, e.Key)
				delete(v.shown, claimKey{e.Kind, e.Key})
			},
			"show all": func(t *rapid.T) { // views that are right are rare otherwise
				v := pick(t)
				for k := range v.shown {
					v.Hide(k.kind, k.key)
					delete(v.shown, k)
				}
				for _, entries := range w.claims {
					for _, e := range entries {
						v.Show(e)
						v.shown[claimKey{e.Kind, e.Key}] = e.Value
					}
				}
			},
			"begin": func(t *rapid.T) {
				if len(w.views) < 4 {
					w.views = append(w.views, view{w.ledger.Compare(), map[claimKey]string{}})
				}
			},
			"end": func(t *rapid.T) {
				v := pick(t)
				v.End()
				v.Show(drawnEntry.Draw(t, "too late"))
				var left []view
				for _, other := range w.views {
					if other.Comparison != v.Comparison {
						left = append(left, other)
					}
				}
				w.views = left
			},
		})
	})
}

func TestLedgerForgetsWhatNobodyClaimsOrShows(t *testing.T) {
	l := NewLedger()
	c := l.Compare()
	for i := range 10 {
		e := Entry{"node", fmt.Sprint(i), "x"}
		c.Show(e)
		l.Set("o", []Entry{e})
	}
	require.Equal(t, 9, c.Wrong())
	l.Set("o", nil)
	require.Equal(t, 10, c.Wrong())
	c.End()
	require.Empty(t, l.byKey)
}
