package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/runs"
	"github.com/meshcheck/meshcheck/internal/drive"
	"github.com/meshcheck/meshcheck/internal/family"
)

// Each command line ends with status 2 and one sentence on standard error.
func TestBadUsage(t *testing.T) {
	scene(t)
	require.NoError(t, os.WriteFile("garbage", []byte("\x00\xff\x00garbage"), 0o666))
	require.NoError(t, os.WriteFile("empty", nil, 0o666))
	require.NoError(t, os.WriteFile("rubbish", []byte("rubbish"), 0o777))
	require.NoError(t, os.WriteFile("secret.yaml", []byte("kind: Secret\n"), 0o666))
	require.NoError(t, os.WriteFile("plan.json", []byte("{\n \"version\": 2,\n \"sed\": 7\n}\n"), 0o666))
	require.NoError(t, os.WriteFile("main.go", []byte("package main\n"), 0o666))
	require.NoError(t, os.Mkdir("dir", 0o777))
	for line, want := range map[string]string{
		"":                                      "what shall be run? Give -seed N, -seeds A-B, -plan FILE or -scenario NAME; simrun help shows examples",
		"-seed":                                 "flag needs an argument: -seed; simrun help lists the flags",
		"-seed -1":                              `invalid value "-1" for flag -seed: want a whole number from 0 to 18446744073709551615; simrun help lists the flags`,
		"-seeds 9-1":                            `invalid value "9-1" for flag -seeds: the first seed is above the last; simrun help lists the flags`,
		"-seeds 1..9":                           `invalid value "1..9" for flag -seeds: want two whole numbers such as 0-99; simrun help lists the flags`,
		"-seeds 0-18446744073709551615":         `invalid value "0-18446744073709551615" for flag -seeds: these are more seeds than any machine can run; simrun help lists the flags`,
		"-sed 1":                                "flag provided but not defined: -sed; simrun help lists the flags",
		"-seed 1 -seeds 1-2":                    "-seed, -seeds and -plan exclude each other",
		"-seed 1 more":                          `there is an argument "more" that belongs to no flag; simrun help shows examples`,
		"-plan nowhere.json":                    "nowhere.json: cannot read the plan: no such file or directory",
		"-plan garbage":                         "garbage: this is not a plan but binary data; a plan is a JSON object, and simrun -seed 1 -write-plan FILE writes one",
		"-plan empty":                           "empty: the file is empty; a plan is a JSON object, and simrun -seed 1 -write-plan FILE writes one",
		"-plan plan.json":                       `plan.json:3: a plan has no field "sed"; its fields are version, seed, mode, topology, network, options, capacity, churn, settle, promise, nodes, pods, services, policies, ops, faults, stalls, objects`,
		"-plan plan.json -objects a.yaml":       "-plan and -objects exclude each other: a plan carries its objects",
		"-plan p.json -cluster-id 300":          "-plan and -cluster-id exclude each other: a plan carries its cluster ID",
		"-seed 1 -cluster-id 300":               "-cluster-id is that of -objects, and there are none",
		"-seed 1 -cluster-id 512":               "-cluster-id 512: ClusterMesh takes 1 to 511",
		"-seed 1 -mode mesh":                    `invalid value "mesh" for flag -mode: the modes that plans are drawn for are clustermesh, clustermesh/dialer, clustermesh/hostnetwork, crd, kvstore, handover, handover/merge, handover/precedence; simrun help lists the flags`,
		"verify -seeds 1 -mode direct":          `invalid value "direct" for flag -mode: the modes that plans are drawn for are clustermesh, clustermesh/dialer, clustermesh/hostnetwork, crd, kvstore, handover, handover/merge, handover/precedence; simrun help verify lists the flags`,
		"-plan plan.json -mode crd":             "-plan and -mode exclude each other: a plan carries its mode",
		"-scenario etcd-empty -mode crd":        "-mode crd: the scenario etcd-empty does not exist there: its etcd-restart is not applicable: in the mode crd there is no etcd that agents read",
		"campaign -replay -mode crd":            "-replay and -mode exclude each other: it runs the plans of the corpus, once each",
		"-seed 1 -objects":                      "flag needs an argument: -objects; simrun help lists the flags",
		"-seed 1 -objects garbage":              "garbage: this is binary data; want YAML or JSON as kubectl prints it",
		"-seed 1 -objects secret.yaml":          `secret.yaml: document 1, line 1: kind: found "Secret"; want one of CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod (-leave-out leaves others out)`,
		"-seed 1 -worker nowhere":               "-worker nowhere: no such file or directory",
		"-seed 1 -worker garbage":               "-worker garbage: this is not a program; simrun build-worker -o FILE makes one",
		"-seed 1 -worker rubbish":               "-worker rubbish: this is not a program; simrun build-worker -o FILE makes one",
		"-seed 1 -worker w -runtime=stock":      "-worker and -runtime exclude each other: a built worker has its runtime",
		"-seed 1 -runtime=fast":                 "-runtime fast: the runtimes are det and stock",
		"-seed 1 -write-plan dir":               "-write-plan dir: this is a directory; give the name of a file",
		"-seed 1 -write-history no/h":           "-write-history no/h: there is no directory no",
		"-seeds 1-2 -write-history empty":       "-write-history empty: this must be a directory, and it is a file",
		"-seed 1 -write-plan /proc/p":           "-write-plan /proc/p: nothing can be written in the directory /proc: no such file or directory",
		"-seeds 1-2 -write-plan /proc/p/d":      "-write-plan /proc/p/d: cannot make the directory: no such file or directory",
		"check h -verdict /proc/v":              "-verdict /proc/v: nothing can be written in the directory /proc: no such file or directory",
		"report plan.json":                      `plan.json:2: version: the file form has version 2; a verdict that this program reads has version 1`,
		"report garbage":                        "garbage: this is not a verdict but binary data; a verdict is a JSON object, and simrun check -verdict FILE HISTORY writes one",
		"report main.go":                        "main.go:1: this is not a verdict, which is a JSON object; simrun check -verdict FILE HISTORY writes one",
		"chekc h":                               `there is no command "chekc"; the commands are ` + commands.Names(),
		"check":                                 "check needs the files of histories; simrun -seed 1 -write-history FILE writes one",
		"check -deadline -1s h":                 "-deadline -1s: want a time such as 1m",
		"check -q":                              "flag provided but not defined: -q; simrun help check lists the flags",
		"check nowhere":                         "nowhere: cannot read the history: no such file or directory",
		"explain":                               "explain needs the file of a history; simrun -seed 1 -write-history FILE writes one",
		"explain h g":                           "explain takes one history, and there are 2",
		"explain garbage":                       `garbage: not a history file: line 1 should be "meshcheck-history 4"`,
		"explain h -entry node/n0 -violation 1": "-entry and -violation exclude each other: a violation says which entry it is about",
		"explain h -violation -1":               "-violation -1: violations are numbered from 1",
		"explain h -violation 1 -worker w":      "-worker and limits are for the replay that -log HOST asks for, and there is no -log",
		"model -all -outcomes o":                "-outcomes is for the page that -html FILE writes, and there is none",
		"model -mode crd -html m.html -outcomes garbage": "garbage: this is not a file of outcomes but binary data; a file of outcomes is a JSON object, and simrun model -all -real -o DIR writes one",
		"check garbage":                   `garbage: not a history file: line 1 should be "meshcheck-history 4"`,
		"check empty":                     `empty: not a history file: line 1 should be "meshcheck-history 4"`,
		"verify":                          "verify needs -seeds A-B, such as -seeds 0-99",
		"verify 7":                        `there is an argument "7" that belongs to no flag; simrun help verify shows examples`,
		"campaign 7":                      `there is an argument "7" that belongs to no flag; simrun help campaign shows examples`,
		"campaign -for 0s":                "-for 0s: want a time such as 10m",
		"campaign -shrink -1s":            "-shrink -1s: want a time such as 30s, or 0 to keep plans as they are drawn",
		"campaign -corpus /proc/c":        "mkdir /proc/c: no such file or directory",
		"campaign -corpus=":               "-corpus needs the name of a directory",
		"campaign -replay -base 3":        "-replay and -base exclude each other: it runs the plans of the corpus, once each",
		"campaign -replay -corpus dir":    "-corpus dir: there are no findings to replay; simrun campaign -corpus dir makes some",
		"campaign -scenario none -for 1s": "-scenario none: there is no such scenario; there are " + strings.Join(family.Scenarios(), ", "),
		"build-worker":                    "build-worker needs -o FILE, the file to write",
		"build-worker w":                  `there is an argument "w" that belongs to no flag; simrun help build-worker shows examples`,
		"build-worker -o dir":             "-o dir: this is a directory; give the name of a file",
		"help me":                         `there is no help on "me"; the commands are ` + commands.Names(),

		"-seed 1 -objects a -scenario etcd-empty": "-scenario and -objects exclude each other: a scenario starts from its own pods; write a plan with -seed N -objects FILE -write-plan plan.json, put the faults of the scenario's plan (-scenario etcd-empty -write-plan scenario.json) into it, and run it with -plan plan.json",
	} {
		t.Run(line, func(t *testing.T) {
			status, stdout, stderr := simrun(t, strings.Fields(line)...)
			require.Equal(t, "simrun: "+want+"\n", stderr)
			require.Equal(t, console.StatusUsage, status)
			require.Empty(t, stdout)
		})
	}
}

func TestHelp(t *testing.T) {
	for line, heading := range map[string]string{
		"help": "simrun runs Cilium", "-h": "simrun runs Cilium", "--help": "simrun runs Cilium",
		"help check": "check judges", "check -h": "check judges",
		"help verify": "verify runs", "verify -h": "verify runs",
		"help campaign": "campaign runs", "campaign -h": "campaign runs",
		"help build-worker": "build-worker builds", "build-worker -h": "build-worker builds",
	} {
		status, stdout, stderr := simrun(t, strings.Fields(line)...)
		require.Equal(t, console.StatusHold, status, line)
		require.True(t, strings.HasPrefix(stdout, heading), "%s: %s", line, stdout)
		require.Contains(t, stdout, "Examples:\n", line)
		require.Contains(t, stdout, "\nFlags:\n  -", line)
		require.Contains(t, stdout, "Exit status", line)
		require.Empty(t, stderr, line)
	}
}

// The help has a line on each flag, and flags only where a command has some.
func TestEachFlagHasHelp(t *testing.T) {
	for name, entry := range commands {
		f := console.FlagsOf(name, entry.New())
		count := 0
		f.VisitAll(func(flag *flag.Flag) {
			count++
			require.Regexp(t, `(?m)^  -`+flag.Name+`( .*)?  \S`, commands.HelpOn(name, "simrun"), name)
		})
		require.Equal(t, count > 0, strings.Contains(entry.Help, "\nFlags:\n"), name)
	}
}

// Flags may come after arguments. What is no file, such as a pipe, is written to.
func TestFlagsAfterArgumentsAndPipes(t *testing.T) {
	scene(t)
	require.NoError(t, syscall.Mkfifo("pipe", 0o666))
	history := make(chan []byte)
	go func() {
		text, err := os.ReadFile("pipe")
		if err != nil {
			panic(err)
		}
		history <- text
	}()
	simrun(t, "-seed", "7", "-worker", "WORKER", "-write-history", "pipe")
	require.NoError(t, os.WriteFile("h", <-history, 0o666))
	status, stdout, stderr := simrun(t, "check", "h", "-json")
	require.Empty(t, stderr)
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stdout, `"kind":"run","name":"h","outcome":"pass"`)
	info, err := os.Lstat("pipe")
	require.NoError(t, err)
	require.Equal(t, os.ModeNamedPipe, info.Mode().Type())
}

func TestVersion(t *testing.T) {
	scene(t)
	status, stdout, _ := simrun(t, "version", "-worker", "WORKER")
	require.Equal(t, console.StatusHold, status)
	require.Regexp(t, `^simrun    .*go1.*\nforms     plan 2, history 4, verdict 1, json 1, worker 1\nworker    .*go1.*, worker /.* \([0-9a-f]{16}\)\n$`, stdout)
	_, stdout, _ = simrun(t, "version")
	require.Contains(t, stdout, "worker    none is built yet; the first run builds one\n")
	_, stdout, _ = simrun(t, "version", "-json")
	require.Contains(t, stdout, `"kind":"version"`)
}

// Without sources, the worker that was built last does.
func TestOutsideACheckout(t *testing.T) {
	scene(t)
	status, _, stderr := simrun(t, "-seed", "7")
	require.Equal(t, console.StatusHarness, status)
	require.Contains(t, stderr, "simrun: building the worker needs the sources of github.com/meshcheck/meshcheck: run from a directory of its checkout, or give a built worker with -worker\n")

	self, err := os.Executable()
	require.NoError(t, err)
	kept := filepath.Join(os.Getenv("XDG_CACHE_HOME"), "meshcheck", "worker-det-0123456789abcdef")
	require.NoError(t, os.MkdirAll(filepath.Dir(kept), 0o777))
	require.NoError(t, os.Link(self, kept))
	status, stdout, stderr := simrun(t, "-seed", "7")
	require.Equal(t, console.StatusHold, status)
	require.Contains(t, stderr, "simrun: there are no sources here to build a worker from; this is with the worker "+kept+"\n")
	require.Contains(t, stdout, "pass")
}

// Seeds are not done in their order.
func TestRestOfTheSeeds(t *testing.T) {
	s := &simulate{seeds: runs.Seeds{Seeds: drive.Seeds{First: 3, Last: 20}, Given: true}}
	for want, done := range map[string][]uint64{
		": none is done; to go on: simrun -seeds 3-20":            nil,
		": done are 3-5, 7-7, 9-10; to go on: simrun -seeds 6-20": {9, 3, 4, 10, 5, 7},
		": done are 5-5; to go on: simrun -seeds 3-20":            {5},
	} {
		require.Equal(t, want, s.rest("simrun", done))
	}
}
