package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/sim/det"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
)

// A command is what simrun can do. Its fields hold what its flags and arguments say.
type command interface {
	// flags declares the flags, with their defaults.
	flags(*flags)
	// run does it and returns the exit status. An error is printed as one sentence.
	run(context.Context, *console) (status int, err error)
}

// commands are by name, which is the first argument; the command without a name runs plans.
// Their help has a line "Flags:", below which it says what the flags are; simrun stands for
// the name of the program.
var commands = map[string]struct {
	command func() command
	help    string
}{
	"":             {func() command { return new(simulate) }, simulateHelp},
	"check":        {func() command { return new(check) }, checkHelp},
	"export":       {func() command { return new(exportRuns) }, exportHelp},
	"explain":      {func() command { return new(explain) }, explainHelp},
	"report":       {func() command { return new(printVerdict) }, reportHelp},
	"judge":        {func() command { return new(judge) }, judgeHelp},
	"compare":      {func() command { return new(comparison) }, compareHelp},
	"matrix":       {func() command { return new(compareModes) }, matrixHelp},
	"verify":       {func() command { return new(verify) }, verifyHelp},
	"shrink":       {func() command { return new(shrinkPlan) }, shrinkHelp},
	"campaign":     {func() command { return new(search) }, campaignHelp},
	"planted":      {func() command { return &hunt{from: bugSource{bugs.Files, det.Build}} }, plantedHelp},
	"repairs":      {func() command { return &repairing{build: det.Build} }, repairsHelp},
	"faults":       {func() command { return faults{} }, faultsHelp},
	"properties":   {func() command { return properties{} }, propertiesHelp},
	"model":        {func() command { return new(abstract) }, modelHelp},
	"validate":     {func() command { return new(validate) }, validateHelp},
	"behaviour":    {func() command { return new(validate) }, validateHelp}, // an earlier name
	"version":      {func() command { return new(version) }, versionHelp},
	"build-worker": {func() command { return new(buildWorker) }, buildHelp},
}

func commandNames() string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(commands)), func(name string) bool { return name == "" || name == "behaviour" })
	return strings.Join(names, ", ") + " and help, and without a command -seed 1 runs a seed"
}

// helpOn returns the help on a command, for a user who calls the program so.
func helpOn(name, program string) string {
	entry := commands[name]
	flags := flagsOf(name, entry.command())
	text := strings.Replace(strings.TrimPrefix(entry.help, "\n"), "Flags:\n", "Flags:\n"+flags.help.String(), 1)
	if program != "simrun" {
		text += fmt.Sprintf("\nHere simrun stands for: %s\n", program)
	}
	return text
}

const simulateHelp = `
simrun runs Cilium's control plane in a simulated world and judges what its
agents saw. A seed fixes everything: topology, workload, faults, and each step
of the execution.

  simrun -seed 1                 draw a plan from a seed, run it, judge it
  simrun -seeds 0-999            many seeds, as many at once as there are cores
  simrun -plan FILE              run a plan that was drawn before, or edited
  simrun -scenario NAME          run a scenario of the proposal; with -seed or
                                 -seeds, members of its family
  simrun -mode crd -seed 1       the same, where agents read the kube-apiserver

  simrun check HISTORY...        judge histories again
  simrun report VERDICT...       print verdicts that check has written
  simrun verify -seeds 0-99      run each seed twice and compare
  simrun matrix                  the modes side by side: what each keeps, and its cost
  simrun compare -cilium DIR     what a branch of Cilium breaks that go.mod's does not
  simrun campaign -for 10m       search seeds, and keep each distinct finding
  simrun shrink -seed 1          the smallest plan that breaks the same property
  simrun planted                 known bugs, and which properties catch them
  simrun repairs                 edits of Cilium that take the findings away
  simrun judge -seed 1           is what a run breaks known? measured with repairs
  simrun faults                  what a plan's faults, triggers and scenarios are
  simrun properties              what a run is judged by, and what findings look like
  simrun model -all              every interleaving of an abstract mesh
  simrun validate HISTORY...     is a run one that the abstract mesh allows?
  simrun build-worker -o FILE    build the worker for a machine without Go
  simrun version                 which program this is, with which worker
  simrun help COMMAND            more on a command

Flags:

Examples:
  simrun -seed 7 -write-plan seven.json -write-history seven.history
  simrun -plan testdata/plans/failover-ip-reuse.json
  simrun -mode crd -seeds 0-99
  kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml > cluster.yaml
  simrun -seed 1 -objects cluster.yaml

Exit status:
  0    every property holds that applies to the mode
  1    a property is broken (with -fail-on news: in a way that is not known), or the
       code under test panicked; or one could not be decided, or none was judged,
       which is not a pass
  2    bad flags or bad input
  3    the harness failed: the worker could not be built, crashed, hung or grew
       too large, and the plan is kept and its place printed; or meshcheck was
       wrong in judging a history, which says nothing about Cilium
  130  interrupted; what was done until then is printed
With several seeds, 3 comes before 1.
`

const checkHelp = `
check judges histories that -write-history has written, without running anything.

  simrun check HISTORY...

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun check seven.history
  simrun check -v runs/*.history
  simrun check -verdict seven.verdict seven.history
  simrun check -html seven.html seven.history

Exit status: 0 if every property holds in every history, 1 if one is broken or
undecided, 2 if a file is not a history, 3 if meshcheck was wrong in judging one.
`

const exportHelp = `
export judges histories, as check does, and writes what it knows of them in forms
that other programs read.

  simrun export HISTORY... -trace FILE | -junit FILE | -csv FILE | -porcupine FILE

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun export seven.history -trace seven.json     open it in https://ui.perfetto.dev
  simrun export runs/*.history -csv measures.csv -junit junit.xml
  simrun export seven.history -porcupine etcd.html

Exit status: as that of check: 1 if a property is broken or undecided, 2 if a file is
not a history, or if -porcupine finds nothing that is not linearizable.
`

const explainHelp = `
explain tells the life of one entry from a history, line by line: what was true of
it and when, what each replica's writer was told, put and deleted, what each agent's
view and datapath showed and by which connection, and which faults were on. Of a
violation, or of each one of the entry, it says at the end who said what at that
instant, and which of these steps was the first that was wrong.

  simrun explain HISTORY                         the violations, with their numbers
  simrun explain HISTORY -violation N            the entry that a violation is about
  simrun explain HISTORY -entry endpoint/10.0.0.1 [-agent a1]

Contents of the entry have letters: A is the first that is spoken of. The numbers at
the left are lines of the history's file. With -log the run is replayed, with its log.

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun explain seven.history
  simrun explain seven.history -violation 1 -lines
  simrun explain seven.history -entry identity/65792 -agent a1
  simrun explain seven.history -violation 1 -log r0

Exit status: 0, or 2 if a file is not a history or has no such entry or violation, 3 if
the replay failed.
`

const reportHelp = `
report prints verdicts that check -verdict has written, as check prints those of
histories, but for how long judging took.

  simrun report VERDICT...

Flags:

Examples:
  simrun check -verdict seven.verdict seven.history
  simrun report -v seven.verdict

Exit status: as that of check, of the verdict in the file; 2 if a file is not a
verdict.
`

const verifyHelp = `
verify runs each seed twice, in separate processes, and compares the histories
byte by byte. It prints the first line that differs, if any.

  simrun verify -seeds 0-99

A run in which the seed did not determine every event (a system call that
blocked for long) is run again and counted; a seed that stays so after 3 reruns
is undecided, which is not a success.

Flags:

Examples:
  simrun verify -seeds 0-199
  simrun verify -seeds 0-49 -mode crd
  simrun verify -seeds 7

Exit status: 0 if all histories are equal, 1 if some differ or are undecided,
2 for bad flags, 3 if a run failed, 130 if interrupted.
`

const shrinkHelp = `
shrink makes a plan that breaks a property smaller: as few faults, steps of the
workload, pods, objects, hosts and nodes as will do, then simple times and
options. The smaller plan breaks the same property on the same kind of object.

  simrun shrink -seed N
  simrun shrink -plan FILE

It runs as many plans at once as there are cores, and ends when nothing more can
be left out. The best plan so far is written if it is interrupted (^C) or if its
time is up. A plan that is done is run twice more, to see that it replays.

Flags:

Examples:
  simrun shrink -seed 5 -o five.json
  simrun shrink -mode crd -seed 47
  simrun shrink -plan big.json -property monotonic -kind endpoint -for 60s
  simrun -plan five.json -v

Exit status:
  0    the smaller plan is written
  1    the plan does not break that, so there is nothing to shrink
  2    bad flags or bad input
  3    the harness failed: no run of the plan came to its end, or the smaller
       plan does not replay
  130  interrupted; the best plan so far is written
`

const campaignHelp = `
campaign runs seeds, as many at once as there are cores, and keeps what they
find in a directory, the corpus: a folder for each distinct finding, with its
plan as small as it could be made and the seeds that showed it. Two runs show the
same finding if, in the same mode, they break the same property on the same kind of
object and look like the same finding or, where they look like none, need the same kinds of faults for it.
A worker that dies is a finding too.

  simrun campaign -for 10m              go on with the seeds where it stopped
  simrun campaign -replay               run the plan of each finding again

It can be interrupted or killed at any time. What is in the corpus is complete,
and the next campaign goes on from there: first with shrinking, where there was
not time enough, then with the seeds. At the end it prints, and writes to
summary.md in the corpus, the findings and a table of coverage marks: situations
that the runs reached, and those that they never did.

Flags:

Examples:
  simrun campaign -for 10m
  simrun campaign -for 8h -corpus nightly -base 1000000
  simrun campaign -for 10m -mode crd
  simrun campaign -replay -corpus testdata/corpus

Exit status:
  0    nothing new was found; with -replay, every finding still shows
  1    there are new findings that nothing explains; with -replay, some do not show
       any more
  2    bad flags or bad input, or another campaign is at work in the corpus
  3    the harness failed: the worker could not be built, or a worker crashed,
       hung, grew too large or refused a plan in a way that was not known before
  130  interrupted; what was found until then is kept
`

const plantedHelp = `
planted tests the checkers: it puts known bugs into Cilium's source, and into the
simulated servers', one at a time, runs seeds with each, and tells whether the
property that must catch the bug did, how many seeds that took, and how small the
plan is that shows it.

  simrun planted                 all bugs of testdata/planted
  simrun planted NAME...         some of them

A bug counts as caught if a plan breaks its property, for the reason that the bug
states, with a worker that has the bug, and does not break that property on that
kind of object with a worker that has not. The shrunk plan keeps to the same rule.

Each bug needs a worker of its own, which takes seconds to build where the worker
without bugs was built before: only the edited packages are compiled.

Flags:

Examples:
  simrun planted
  simrun planted stale-keys-not-drained -shrink 0

Exit status:
  0    every bug is caught
  1    some are not
  2    bad flags or bad input
  3    the harness failed: a bug does not fit the source, a worker could not
       be built, or the one without bugs failed
  130  interrupted; what was done until then is printed
`

const faultsHelp = `
faults prints what a plan's faults can be: every kind with its fields and their
ranges, every event that a trigger can wait for, and the scenarios that have a
name.

  simrun faults

Examples:
  simrun faults | less
  simrun -scenario rolling-upgrade
  simrun -scenario rolling-upgrade -seeds 0-99
`

const propertiesHelp = `
properties prints what a history is judged by: each property with its promise,
where the demand comes from and its rules, which name the ways in which it can be
broken, and the findings that violations can look like by their records, which is a
suspicion: simrun judge measures what is known.

  simrun properties

Examples:
  simrun properties | less
  simrun check seven.history -v
`

const modelHelp = `
model explores an abstract control plane: every interleaving of a kube-apiserver,
replicas with their etcds, agents, pods whose addresses are used again, and
faults. Without -real it runs no code of Cilium's and needs no worker. docs/model.md
says what is in the model and what is not.

  simrun model -all              the verdict of every property in every mode
  simrun model -mode MODE        one mode, with the shortest counterexamples
  simrun model -all -real        the same as -all, and what Cilium's code does in the
                                 order of events of each counterexample

A mode is a base, and repairs behind plus signs: clustermesh+sweep+fence.
  crd          agents watch the kube-apiserver
  kvstore      one shared, persistent etcd
  clustermesh  the proposal: each agent reads the ephemeral etcd of a replica
  handover     the same, but an agent reads CRDs while no etcd can be reached
  direct       agents write to the ephemeral etcd of a replica
  central      replicas compute what agents need from two kinds of objects
Repairs, of clustermesh and handover:
  sweep        a new writer deletes the keys that are not in its list
  token        an etcd that starts empty has a new cluster ID
  heartbeat    a replica whose watch is cut stops its heartbeat
  fence        canaries carry the resourceVersion reached; agents refuse older
  kept         the fence outlives a restart of the agent
  anchor       an agent that restarts asks the kube-apiserver for its fence
  cutover      in a handover one source is stopped before the other is used

Flags:

Examples:
  simrun model -all
  simrun model -mode clustermesh -property monotonic
  simrun model -mode handover+cutover -agents 1 -faults 3
  simrun model -mode direct -property durable -o trace.json
  simrun model -mode clustermesh -property owner -plan owner.json
  simrun model -all -real -repairs -o testdata/model
  simrun model -all -html matrix.html -outcomes testdata/model/outcomes.json

Exit status: 0 if every property holds, or with -all if every cell is decided and
with -real if no run refutes the model; 1 if a property is broken or undecided, or a
counterexample refuted, or not repaired; 2 for bad flags; 3 if a worker failed; 130 if interrupted,
when what is known by then is printed.
`

const validateHelp = `
validate looks for a behaviour of the abstract mesh (simrun help model) in histories
of Cilium's code: whether each change in an etcd and in a view is what an action of
the model does, in some state that is consistent with all before. This is trace
validation. The first record that no action explains is printed, with the actions
that might have, and why each of them does not. An earlier name of the command,
simrun behaviour, still works.

  simrun validate HISTORY...

What Cilium is known to do and the model does not have, such as leases that expire,
explains a record only if its cause is in the history, and is counted.
docs/model.md lists it.

Flags:

Examples:
  simrun -seed 7 -write-history seven.history
  simrun validate seven.history

Exit status: 0 if all histories are behaviours of the model, 1 if one is not or
could not be judged, 2 if a file is not a history.
`

const versionHelp = `
version prints what simrun is built from, the versions of the file forms that it
reads and writes, and which Cilium, etcd and client-go the worker runs.

  simrun version

Flags:

Examples:
  simrun version
  simrun version -worker ./worker -json

Exit status: 0, or 2 for bad flags.
`

const buildHelp = `
build-worker builds the worker, the program that one run executes, and writes it
to a file. Any linux machine of the same architecture can use it, without Go:

  simrun build-worker -o FILE
  simrun -worker FILE -seed 1

Without it simrun builds the worker when it first needs it and keeps it in the
user's cache directory. The first build compiles Cilium, etcd and client-go,
which takes minutes.

Flags:

Examples:
  simrun build-worker -o worker
  simrun -worker ./worker -seeds 0-99

Exit status: 0 if it is built, 2 for bad flags, 3 if it cannot be built.
`
