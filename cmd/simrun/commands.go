package main

import (
	"context"
	"fmt"
	"strings"
)

// A command is what simrun can do. Its name is the first argument; the command
// without a name runs plans.
type command struct {
	run  func(*console, context.Context, []string) (status int, err error)
	text string // its help; simrun stands for the name of the program
}

var commands map[string]command

func init() {
	commands = map[string]command{
		"":             {(*console).simulate, simulateHelp},
		"check":        {(*console).check, checkHelp},
		"report":       {(*console).report, reportHelp},
		"verify":       {(*console).verify, verifyHelp},
		"faults":       {(*console).faults, faultsHelp},
		"properties":   {(*console).properties, propertiesHelp},
		"shrink":       {(*console).shrink, shrinkHelp},
		"campaign":     {(*console).campaign, campaignHelp},
		"planted":      {(*console).planted, plantedHelp},
		"model":        {(*console).model, modelHelp},
		"validate":     {(*console).validate, validateHelp},
		"behaviour":    {(*console).validate, validateHelp}, // an earlier name
		"build-worker": {(*console).buildWorker, buildHelp},
	}
}

func commandNames() string {
	return "check, report, verify, shrink, faults, properties, campaign, planted, model, validate, build-worker and help, and without a command -seed 1 runs a seed"
}

// help returns the help of the command, for a user who calls the program so.
func (c command) help(program string) string {
	text := strings.TrimPrefix(c.text, "\n")
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
  simrun campaign -for 10m       search seeds, and keep each distinct finding
  simrun shrink -seed 1          the smallest plan that breaks the same property
  simrun planted                 known bugs, and which properties catch them
  simrun faults                  what a plan's faults, triggers and scenarios are
  simrun properties              what a run is judged by, and the known mechanisms
  simrun model -all              every interleaving of an abstract mesh
  simrun validate HISTORY...     is a run one that the abstract mesh allows?
  simrun build-worker -o FILE    build the worker for a machine without Go
  simrun help COMMAND            more on a command

Flags:
  -seed N             the seed, from 0 to 18446744073709551615
  -seeds A-B          all seeds from A to B
  -plan FILE          the plan to run; docs/plan.md describes it
  -scenario NAME      a scenario; simrun faults lists them
  -mode MODE          how the agents of a drawn plan read: clustermesh (the default),
                      the etcds of replicas, or crd, the kube-apiserver; a seed has
                      the same workload in both
  -objects FILE...    start from these Kubernetes objects (YAML or JSON, from
                      kubectl get ... -o yaml) in place of drawn pods and nodes
  -write-plan FILE    write the plan; with -seeds, a directory for all of them
  -write-history FILE write the history; with -seeds, a directory for all of them
  -cpuprofile FILE    write where the worker's CPU went, for go tool pprof
  -memprofile FILE    write where the worker allocated memory; both are for one run,
                      and such a run may have another trace than without them
  -worker FILE        use a worker from build-worker
  -runtime KIND       det (the default), or stock: an unchanged Go runtime, whose
                      seeds fix the plan and not the execution
  -json               write JSON, one object a line, in place of text
  -v                  show every property with its evidence, every violation and
                      every seed; else what matters first
  -fail-on WHICH      which broken properties have exit status 1: any (the default),
                      or news, those that no known mechanism explains. The default
                      is any, since a promise that is broken in a known way is
                      broken

Examples:
  simrun -seed 7 -write-plan seven.json -write-history seven.history
  simrun -plan testdata/plans/failover-ip-reuse.json
  simrun -mode crd -seeds 0-99
  kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml > cluster.yaml
  simrun -seed 1 -objects cluster.yaml

Exit status:
  0    every property holds that applies to the mode
  1    a property is broken (with -fail-on news: in a way that is not known); or one could not be decided, or none was judged, which
       is not a pass
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
  -verdict FILE   write the verdict as data, of one history; docs/verdict.md
                  describes it, and simrun report prints it
  -json           write JSON, one object a line, in place of text
  -v              show every property with its evidence, and every violation

Examples:
  simrun -seed 7 -write-history seven.history
  simrun check seven.history
  simrun check -v runs/*.history
  simrun check -verdict seven.verdict seven.history

Exit status: 0 if every property holds in every history, 1 if one is broken or
undecided, 2 if a file is not a history, 3 if meshcheck was wrong in judging one.
`

const reportHelp = `
report prints verdicts that check -verdict has written, as check prints those of
histories, but for how long judging took.

  simrun report VERDICT...

Flags:
  -json    write JSON, one object a line, in place of text
  -v       show every property with its evidence, and every violation

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
  -seeds A-B          the seeds; one number is one seed
  -mode MODE          the mode of their plans, as for simrun -seed
  -objects FILE...    as for simrun -seed
  -worker FILE        use a worker from build-worker
  -json               write JSON in place of text

Examples:
  simrun verify -seeds 0-199
  simrun verify -seeds 0-49 -mode crd
  simrun verify -seeds 7

Exit status: 0 if all histories are equal, 1 if some differ or are undecided,
2 for bad flags, 3 if a run failed, 130 if interrupted.
`

const campaignHelp = `
campaign runs seeds, as many at once as there are cores, and keeps what they
find in a directory, the corpus: a folder for each distinct finding, with its
plan as small as it could be made and the seeds that showed it. Two runs show the
same finding if, in the same mode, they break the same property on the same kind of
object by the same known mechanism or, where it is not known, need the same kinds of faults for it.
A worker that dies is a finding too.

  simrun campaign -for 10m              go on with the seeds where it stopped
  simrun campaign -replay               run the plan of each finding again

It can be interrupted or killed at any time. What is in the corpus is complete,
and the next campaign goes on from there: first with shrinking, where there was
not time enough, then with the seeds. At the end it prints, and writes to
summary.md in the corpus, the findings and a table of coverage marks: situations
that the runs reached, and those that they never did.

Flags:
  -for TIME           how long to begin new seeds; what has begun is finished,
                      which may take as long again as -shrink; 10m
  -corpus DIR         the corpus; it is made if there is none; "corpus"
  -base N             the first seed; without it, or with the same as the last
                      time, the campaign goes on where the last one stopped
  -shrink TIME        how long to shrink each new finding; 0: not at all; 30s
  -scenario NAME      seeds of a scenario's family; simrun faults lists them
  -mode MODE          the mode of their plans, as for simrun -seed; a finding of
                      another mode is another finding
  -replay             run the plans of the corpus, and no seeds
  -worker FILE        use a worker from build-worker
  -runtime KIND       as for simrun -seed
  -json               write JSON, one object a line, in place of text

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
broken, and the mechanisms by which violations are known to come
about. A violation of which the records prove the mechanism names it; one without
is news.

  simrun properties

Examples:
  simrun properties | less
  simrun check seven.history -v
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
  -o FILE          where to write the worker
  -runtime KIND    det (the default) or stock
  -plant NAME      with the bug NAME of testdata/planted in Cilium's source

Examples:
  simrun build-worker -o worker
  simrun -worker ./worker -seeds 0-99

Exit status: 0 if it is built, 2 for bad flags, 3 if it cannot be built.
`
