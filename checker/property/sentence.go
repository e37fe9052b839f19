package property

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/internal/text"
)

// Content shows a content within angle brackets, escaped if it is not plain text,
// and cut if it is long.
func Content(value string) string {
	const most = 100
	more := ""
	if len(value) > most {
		value, more = value[:most], "..."
	}
	if quoted := strconv.Quote(value); quoted != `"`+value+`"` {
		value = quoted
	}
	return "<" + value + more + ">"
}

// Object names the entry of some facts, such as "identity 65537".
func (f *Facts) Object() string { return f.Kind + " " + f.Key }

// Saw is the act of showing something in a view or datapath, without its instant.
func (f *Facts) Saw() string {
	if f.Layer == Datapath {
		return fmt.Sprintf("the datapath of %s got %s as %s", f.Agent, f.Object(), Content(f.Shown.Value))
	}
	return fmt.Sprintf("agent %s saw %s as %s", f.Agent, f.Object(), Content(f.Shown.Value))
}

// Dropped is the act of dropping something from a view or datapath, without its instant.
func (f *Facts) Dropped() string {
	if f.Layer == Datapath {
		return fmt.Sprintf("the datapath of %s lost %s", f.Agent, f.Object())
	}
	return fmt.Sprintf("agent %s dropped %s", f.Agent, f.Object())
}

// Who names the agent's view, or its host's datapath, as the one that acts.
func (f *Facts) Who() string {
	if f.Layer == Datapath {
		return "the datapath of " + f.Agent
	}
	return "agent " + f.Agent
}

// Etcd names the etcd that the facts are about, with its store.
func (f *Facts) Etcd() string { return fmt.Sprintf("etcd of %s (store %s)", f.Server, f.Store) }

// From names the server that an agent had a version from, such as "from r0".
func (v *Version) From() string {
	if v.Server == "" {
		return "from no server"
	}
	return "from " + v.Server
}

// Content is that of a version, or that it was gone.
func (v *Version) Content() string {
	if v.Gone {
		return "gone"
	}
	return Content(v.Value)
}

// CutShort says of a run that it ended before the bound after the heal.
func (in *Input) CutShort(h index.Horizon) string {
	why := "cut"
	if last := &in.Records[h.End]; last.Verb == history.Phase && last.Key == "end" {
		why = OrDefault(last.Value, "no reason given")
	}
	return fmt.Sprintf("the run ended %s after the heal (%s), before the bound", text.Seconds(h.Passed), why)
}

// OrDefault is s, or otherwise if s is empty.
func OrDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// OwnersOf are the names of pods that have an address.
func OwnersOf(all []index.Possession) (names []string) {
	for _, p := range all {
		names = append(names, p.String())
	}
	return names
}

// AndOf joins the names of owners.
func AndOf(owners []string) string { return strings.Join(owners, " and of ") }
