package checker

import "github.com/meshcheck/meshcheck/checker/property"

// notApplicable says of a mode which properties have nothing to judge in it, and why.
var notApplicable = map[string]map[string]string{
	"crd": {
		"single-source":     "agents read the kube-apiserver itself: there is no store that a view could differ from",
		"monotonic-session": "agents hold no connection with a replica that a session could be",
		"etcd-revisions":    "there is no etcd that agents read",
		"etcd-linearizable": "there is no etcd that agents read",
		"etcd-watch":        "there is no etcd that agents read",
		"revision-origin":   "there is no etcd whose revisions an agent could take for those of another",
		"canaries":          "no writer puts canaries: an agent lists its objects itself",
		"leases":            "no writer holds a lease: nothing copies objects into an etcd",
	},
}

// applies reports whether a property has something to judge in a mode and, if not, why.
func applies(mode, name string) (ok bool, why string) {
	why, not := notApplicable[property.BaseOf(mode)][name]
	return !not, why
}
