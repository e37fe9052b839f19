package history

import "strings"

// allVerbs is the closed set of verbs, in the order of their declaration.
var allVerbs = []Verb{
	Phase, Fault, Heal, Effect, Unfired, Up, Down, Ready, Unready, Write, Truth, Put, Del, Call,
	Connect, Disconnect, Reading, Synced, See, Drop, Program, Unprogram, Request, Watch, Event, Unwatch, Lease, Operation, Stall, Left, Net, Enforce,
}

var verbs = func() map[string]Verb {
	m := map[string]Verb{}
	for _, v := range allVerbs {
		m[string(v)] = v
	}
	return m
}()

var knownVerbs = func() string {
	var names []string
	for _, v := range allVerbs {
		names = append(names, string(v))
	}
	return strings.Join(names, ", ")
}()
