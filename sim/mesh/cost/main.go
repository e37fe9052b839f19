// Command cost measures what ClusterMesh costs its processes on this machine: a replica's etcd, Cilium's
// writer and Cilium's reader in an agent, each a process of its own on loopback and in real time. It writes
// a file of testdata/capacity, and takes some minutes on a machine that has nothing else to do:
//
//	go run ./sim/mesh/cost -out testdata/capacity/cilium-1.20.2.json
//
// The kube-apiserver that the writer reads is package kube, in this process: it is not measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
)

func main() {
	out := flag.String("out", "", "the file to write")
	rounds := flag.Int("rounds", 5, "how often everything is measured")
	role := flag.String("role", "", "what this process is, if another one has started it")
	flag.Parse()
	var err error
	switch {
	case *role != "":
		err = play(*role, flag.Args())
	case *out == "" || *rounds < 1:
		fmt.Fprintln(os.Stderr, "cost: -out is needed, and one round or more")
		os.Exit(2)
	default:
		err = run(*rounds, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(rounds int, out string) error {
	f := measure.NewFile([]string{"cilium " + version("github.com/cilium/cilium"), "etcd " + version("go.etcd.io/etcd/server/v3")})
	for _, part := range []func(context.Context, *world, int, *measure.Samples) error{writers, etcds, agents} {
		var samples measure.Samples
		if err := in(func(ctx context.Context, w *world) error { return part(ctx, w, rounds, &samples) }); err != nil {
			return err
		}
		f.Figures = append(f.Figures, samples.Figures()...)
	}
	return measure.Write(&f, out)
}

// version is that of a module in this program.
func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == module {
			return strings.TrimPrefix(dep.Version, "v")
		}
	}
	return "unknown"
}
