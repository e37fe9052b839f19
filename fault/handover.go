package fault

import (
	"slices"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/strictjson"
	"github.com/meshcheck/meshcheck/model/mode"
)

// HandoverAfter is the default of Options.HandoverAfter.
const HandoverAfter = 30 * Duration(time.Second)

// The bounds of Options.HandoverAfter.
const leastHandoverAfter, mostHandoverAfter = Duration(time.Second), 10 * Duration(time.Minute)

func checkHandover(p *Plan, _ Given) *flaw {
	o := p.Options
	switch hands := p.InMode().HandsOver(); {
	case o.Handover != "" && !slices.Contains(mode.Policies(), o.Handover):
		var names []string
		for _, policy := range mode.Policies() {
			names = append(names, strictjson.Quote(string(policy)))
		}
		return flawf("options.handover", "found %s; want one of %s", strictjson.Quote(string(o.Handover)), strings.Join(names, ", "))
	case o.Handover != "" && !hands:
		return flawf("options.handover", "in the mode %s agents have one source; want the mode %s, or no policy", p.Mode, mode.Handover)
	case o.HandoverAfter != 0 && !hands:
		return flawf("options.handoverAfter", "in the mode %s agents have one source; want the mode %s, or no time", p.Mode, mode.Handover)
	case o.HandoverAfter != 0 && (o.HandoverAfter < leastHandoverAfter || o.HandoverAfter > mostHandoverAfter):
		return flawf("options.handoverAfter", "found %s; want %s to %s, or nothing for %s", o.HandoverAfter, leastHandoverAfter, mostHandoverAfter, HandoverAfter)
	}
	return nil
}
