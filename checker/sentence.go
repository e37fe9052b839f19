package checker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/history"
)

// seconds shows an instant as the history does, with three decimals.
func seconds(at time.Duration) string { return strconv.FormatFloat(at.Seconds(), 'f', 3, 64) + "s" }

// content shows a content within angle brackets, escaped if it is not plain text,
// and cut if it is long.
func content(value string) string {
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

// object names an entry, such as "identity 65537".
func object(r *history.Record) string { return r.Kind + " " + r.Key }

// saw is the act of a See or Program record, without its instant.
func saw(r *history.Record) string {
	if r.Verb == history.Program {
		return fmt.Sprintf("the datapath of %s got %s as %s", r.Actor, object(r), content(r.Value))
	}
	return fmt.Sprintf("agent %s saw %s as %s", r.Actor, object(r), content(r.Value))
}

// dropped is the act of a Drop or Unprogram record, without its instant.
func dropped(r *history.Record) string {
	if r.Verb == history.Unprogram {
		return fmt.Sprintf("the datapath of %s lost %s", r.Actor, object(r))
	}
	return fmt.Sprintf("agent %s dropped %s", r.Actor, object(r))
}

// source names the replica that an agent was connected with, such as "from r0".
func source(r *history.Record) string {
	if r.Peer == "" {
		return "connected with no replica"
	}
	return "from " + r.Peer
}

// count shows a number with its noun, such as "4,211 entries".
func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return thousands(n) + " " + plural
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// few joins the first names and counts the rest.
func few(names []string, total int) string {
	if rest := total - len(names); rest > 0 {
		return fmt.Sprintf("%s and %s more", strings.Join(names, ", "), thousands(rest))
	}
	return strings.Join(names, ", ")
}
