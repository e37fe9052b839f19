package property

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// Seconds shows an instant as the history does, with three decimals.
func Seconds(at time.Duration) string { return strconv.FormatFloat(at.Seconds(), 'f', 3, 64) + "s" }

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

// Object names an entry, such as "identity 65537".
func Object(r *history.Record) string { return r.Kind + " " + r.Key }

// Saw is the act of a See or Program record, without its instant.
func Saw(r *history.Record) string {
	if r.Verb == history.Program {
		return fmt.Sprintf("the datapath of %s got %s as %s", r.Actor, Object(r), Content(r.Value))
	}
	return fmt.Sprintf("agent %s saw %s as %s", r.Actor, Object(r), Content(r.Value))
}

// Dropped is the act of a Drop or Unprogram record, without its instant.
func Dropped(r *history.Record) string {
	if r.Verb == history.Unprogram {
		return fmt.Sprintf("the datapath of %s lost %s", r.Actor, Object(r))
	}
	return fmt.Sprintf("agent %s dropped %s", r.Actor, Object(r))
}

// Source names the replica that an agent was connected with, such as "from r0".
func Source(r *history.Record) string {
	if r.Peer == "" {
		return "connected with no replica"
	}
	return "from " + r.Peer
}

// Count shows a number with its noun, such as "4,211 entries".
func Count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return Thousands(n) + " " + plural
}

// Thousands shows a number with commas.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Few joins the first names and counts the rest.
func Few(names []string, total int) string {
	if rest := total - len(names); rest > 0 {
		return fmt.Sprintf("%s and %s more", strings.Join(names, ", "), Thousands(rest))
	}
	return strings.Join(names, ", ")
}

// WhyEnded is the reason in the last record of a run.
func WhyEnded(last *history.Record) string {
	if last.Verb != history.Phase || last.Key != "end" {
		return "cut"
	}
	return OrDefault(last.Value, "no reason given")
}

// OrDefault is s, or otherwise if s is empty.
func OrDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Names joins owners of an address.
func Names(owners []index.Possession) string {
	var all []string
	for _, p := range owners {
		all = append(all, p.String())
	}
	return strings.Join(all, " and of ")
}

// Who names an agent's view, or its host's datapath, as the one that acts.
func Who(agent string, l index.Layer) string {
	if l == index.Datapath {
		return "the datapath of " + agent
	}
	return "agent " + agent
}

// AndMore says that there are others.
func AndMore(n int) string {
	if n == 0 {
		return ""
	}
	return " and " + Thousands(n) + " more"
}
