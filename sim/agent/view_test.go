package agent

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/labels"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/sim/truth"
)

// log keeps what is recorded.
type log []string

func (l *log) record(_ Learned, verb history.Verb, kind, key, value string) {
	*l = append(*l, fmt.Sprintf("%s %s %s %s", verb, kind, key, value))
}

func (l *log) take() []string {
	got := *l
	*l = nil
	return got
}

func TestView(t *testing.T) {
	var l log
	v := newView(l.record)
	e := truth.Entry{Kind: history.Node, Key: "n1", Value: "x"}
	v.Set(Learned{}, e)
	v.Set(Learned{}, e)
	require.Equal(t, []string{"see node n1 x"}, l.take(), "the same content is no change")
	e.Value = "y"
	v.Set(Learned{}, e)
	require.Equal(t, []string{"see node n1 y"}, l.take())

	ledger := truth.NewLedger()
	require.False(t, v.Equal(ledger))
	ledger.Set("o", []truth.Entry{e})
	require.True(t, v.Equal(ledger))
	ledger.Set("o", []truth.Entry{{Kind: history.Node, Key: "n1", Value: "z"}})
	require.False(t, v.Equal(ledger))
	v.Set(Learned{}, truth.Entry{Kind: history.Node, Key: "n1", Value: "z"})
	require.True(t, v.Equal(ledger))
	v.Delete(Learned{}, history.Node, "n1")
	require.False(t, v.Equal(ledger))
	require.True(t, v.Equal(truth.NewLedger()), "a ledger in which nothing is claimed")
	v.Set(Learned{}, e)
	l.take()

	require.True(t, v.Has(history.Node, "n1"))
	v.Delete(Learned{}, history.Node, "n1")
	require.False(t, v.Has(history.Node, "n1"))
	v.Delete(Learned{}, history.Node, "n1")
	require.Equal(t, []string{"drop node n1 ", "drop node n1 "}, l.take(), "deleting what is not there is recorded")

	v.close()
	v.Set(Learned{}, e)
	v.Delete(Learned{}, history.Node, "n1")
	require.Empty(t, l.take(), "nobody sees what a dead agent does")
	require.False(t, v.Equal(truth.NewLedger()), "not even that it is right")
}

func TestDatapathOutlivesTheAgent(t *testing.T) {
	var l log
	d := newDatapath(l.record)
	ip := func(s, pod string) truth.Entry {
		return truth.Endpoint(s, truth.EndpointContent{ID: 70000, Host: "h", Namespace: "ns", Pod: pod})
	}

	d.recreate()
	d.set(Learned{}, ip("10.0.0.1", "a"))
	d.set(Learned{}, ip("10.0.0.2", "b"))
	require.Empty(t, l.take(), "the map is not in use before the endpoints are regenerated")
	d.regenerate(Learned{})
	require.Equal(t, []string{"program endpoint 10.0.0.1 id=70000 host=h pod=ns/a", "program endpoint 10.0.0.2 id=70000 host=h pod=ns/b"}, l.take())
	d.set(Learned{}, ip("10.0.0.1", "a"))
	require.Empty(t, l.take())
	d.delete(Learned{}, "10.0.0.9")
	require.Empty(t, l.take())

	d.recreate() // the agent restarts
	d.set(Learned{}, ip("10.0.0.2", "c"))
	d.set(Learned{}, ip("10.0.0.3", "d"))
	d.set(Learned{}, ip("10.0.0.4", "e"))
	d.delete(Learned{}, "10.0.0.4")
	require.Empty(t, l.take(), "packets still meet the old map")
	d.regenerate(Learned{})
	require.Equal(t, []string{
		"program endpoint 10.0.0.2 id=70000 host=h pod=ns/c",
		"program endpoint 10.0.0.3 id=70000 host=h pod=ns/d",
		"unprogram endpoint 10.0.0.1 ",
	}, l.take())
	d.delete(Learned{}, "10.0.0.3")
	require.Equal(t, []string{"unprogram endpoint 10.0.0.3 "}, l.take())
}

func TestIdentitiesAdapter(t *testing.T) {
	var l log
	v := newView(l.record)
	owner := identities{consumers{v, nil}, func(identity.NumericIdentity, labels.LabelArray, bool) Learned { return Learned{} }}
	web := labels.ParseLabelArray("k8s:app=web")
	<-owner.UpdateIdentities(identity.IdentityMap{65538: web, 65537: web}, identity.IdentityMap{65539: nil})
	require.Equal(t, []string{"see identity 65537 k8s:app=web", "see identity 65538 k8s:app=web"}, l.take(),
		"in order, and without what was added and deleted at once")
	<-owner.UpdateIdentities(nil, identity.IdentityMap{65537: nil})
	require.Equal(t, []string{"drop identity 65537 "}, l.take())
}

func TestDatapathSaysWhereAChangeCameFrom(t *testing.T) {
	by := func(session int64) Learned { return Learned{Origin: history.Origin{Session: session}} }
	var told []string
	d := newDatapath(func(from Learned, verb history.Verb, _, key, _ string) {
		told = append(told, fmt.Sprintf("%s %s %d", verb, key, from.Session))
	})
	ip := func(s string) truth.Entry {
		return truth.Endpoint(s, truth.EndpointContent{ID: 1, Host: "h", Namespace: "ns", Pod: "p"})
	}
	d.recreate()
	d.set(by(1), ip("10.0.0.1"))
	d.set(by(1), ip("10.0.0.2"))
	d.set(by(2), ip("10.0.0.3"))
	d.regenerate(by(1))
	require.Equal(t, []string{"program 10.0.0.1 1", "program 10.0.0.2 1", "program 10.0.0.3 2"}, told)

	told = nil
	d.recreate()
	d.set(by(4), ip("10.0.0.2"))
	d.delete(by(5), "10.0.0.2")
	d.set(by(4), ip("10.0.0.3"))
	d.regenerate(by(3))
	require.Equal(t, []string{"unprogram 10.0.0.1 3", "unprogram 10.0.0.2 5"}, told, "not in the list, and gone since")
	d.set(by(6), ip("10.0.0.4"))
	d.delete(by(7), "10.0.0.3")
	require.Equal(t, []string{"program 10.0.0.4 6", "unprogram 10.0.0.3 7"}, told[2:])
}
