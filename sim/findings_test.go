package sim_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
)

const fatal = "slim-operator-dies-of-a-deleted-node"

// Every plan in testdata/findings breaks what its page says, by the mechanism that
// it tells of, and whatever else it breaks has a page too.
func TestFindings(t *testing.T) {
	findings := map[string][]string{
		"writer-restart-orphans":         {"convergence", "staleness"},
		"relist-loses-order":             {"no-spurious-deletion"},
		"failover-to-stale-replica":      {"monotonic", "no-spurious-deletion", "owner"},
		"cluster-config-comes-back-late": {"no-spurious-deletion"},
		"namespace-informer-behind":      {"no-spurious-deletion"},
		"hidden-namespace-shown":         {"integrity"},
		"namespaces-behind-identities":   {"canaries", "no-spurious-deletion"},
		"namespace-event-overtakes":      {"convergence", "staleness"},
		"lease-shorter-than-watchdog":    {"no-spurious-deletion"},
		"emptied-etcd-same-cluster-id":   {"convergence", "single-source", "staleness", "revision-origin"},
		"restart-while-no-source":        {"no-spurious-deletion"},
		"canaries-come-back-first":       {"no-spurious-deletion", "canaries"},
		"cut-list-is-drained":            {"no-spurious-deletion"},
		"queue-merges-events":            {"no-spurious-deletion"},
		"put-backs-off":                  {"convergence", "staleness", "readiness"},
		"refused-puts-come-again":        {"load"},
		"slice-update-deletes-first":     {"no-spurious-deletion"},
		"old-owner-taken-last":           {"convergence", "owner", "staleness", "no-spurious-deletion"},
		"agent-loses-order":              {"no-spurious-deletion"},
		"two-owners-two-replicas":        {"agreement"},
		"former-owner-deletes-key":       {"no-spurious-deletion"},
		"lost-key-put-back-once":         {"convergence", "single-source", "agreement", "staleness"},
		"ended-key-not-deleted":          {"convergence", "staleness"},
		"identity-collected-too-soon":    {"no-spurious-deletion"},
		"collector-locks-another-key":    {"no-spurious-deletion"},
		"older-deletion-drops-a-node":    {"no-spurious-deletion"},
		"ended-key-put-back":             {"monotonic", "monotonic-session", "convergence", "staleness"},

		"slices-outlive-their-pods":             {"slices"},
		"restarts-keep-identities":              {"identity-garbage"},
		"new-leader-gives-out-a-number-twice":   {"identity-safety"},
		"relabelled-pod-leaves-its-slice":       {"started"},
		"lists-keep-identities":                 {"identity-garbage"},
		"identity-deleted-while-its-pod-starts": {"identity-safety"},
		"cluster-config-taken-once":             {"convergence", "staleness", "single-source", "no-spurious-deletion", "fence", "owner"},

		"node-comes-back-without-its-pods": {"slices"},
		"leader-releases-before-it-stops":  {"single-leader"},

		"etcd-peers-stay-deaf":             {"steady"},
		"stale-collector-deletes-identity": {"identity-safety", "reference", "convergence", "readiness", "started"},
		"new-member-refuses-itself":        {"etcd-members"},
		"lock-taken-when-nobody-asks":      {"started"},

		"one-cache-loses-identities":    {"no-spurious-deletion", "reference", "convergence", "staleness"},
		"stopped-reader-leaves-entries": {"convergence", "staleness"},
		"lost-etcd-leaves-entries":      {"convergence", "staleness"},
		"crds-show-what-replicas-hide":  {"integrity"},

		"slice-written-again-and-again": {"amplification"},

		"slices-keep-what-changed-meanwhile": {"slices", "started"},

		"cancelled-subscriber-leaks-queue": {"leaks"},
	}
	plans, err := filepath.Glob("../testdata/findings/*.json")
	require.NoError(t, err)
	const whole = 1 // plans of whole agents: sim/whole runs them
	require.Len(t, plans, len(findings)+whole+1, "each plan has its row here, but for those of whole agents and the fatal one")
	for name, want := range findings {
		t.Run(name, func(t *testing.T) {
			p, err := fault.ReadFile(filepath.Join("../testdata/findings", name+".json"))
			require.NoError(t, err)
			var broken []string
			for _, f := range run(t, p).Verdict.Findings() {
				require.NotEmpty(t, f.Cause, "%s", f)
				if f.Cause == name {
					broken = append(broken, f.Property)
				}
			}
			require.Subset(t, broken, want)
			require.FileExists(t, filepath.Join("../testdata/findings", name+".md"))
		})
	}
}

// Of this one there is no verdict: the operator's panic ends the run.
func TestOperatorDiesOfADeletedNode(t *testing.T) {
	p, err := fault.ReadFile("../testdata/findings/" + fatal + ".json")
	require.NoError(t, err)
	s, err := simulator()
	require.NoError(t, err)
	_, err = s.Run(t.Context(), p)
	var failure *det.Failure
	require.ErrorAs(t, err, &failure)
	require.Contains(t, failure.Output, "ciliumendpointslice.(*CESCache).clearStaleState(")
	require.FileExists(t, "../testdata/findings/"+fatal+".md")
}
