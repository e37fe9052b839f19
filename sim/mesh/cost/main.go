// Command cost measures what ClusterMesh costs its processes on this machine: a replica's etcd, Cilium's
// writer and Cilium's reader in an agent, each a process of its own on loopback and in real time. It writes
// a file of testdata/capacity: simrun calibrate builds it and runs it.
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
	var size measure.Size
	size.Flags()
	role := flag.String("role", "", "what this process is, if another one has started it")
	flag.Parse()
	var err error
	switch {
	case *role != "":
		err = play(*role, flag.Args())
	default:
		err = run(size)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(size measure.Size) error {
	f := measure.NewFile([]string{"cilium " + version("github.com/cilium/cilium"), "etcd " + version("go.etcd.io/etcd/server/v3")})
	steps := measure.Steps{Total: 4 * size.Rounds} // a round of writers is two
	for _, part := range []func(context.Context, *world, *measure.Samples) error{writers, etcds, agents} {
		var samples measure.Samples
		if err := in(size, &steps, func(ctx context.Context, w *world) error { return part(ctx, w, &samples) }); err != nil {
			return err
		}
		f.Figures = append(f.Figures, samples.Figures()...)
	}
	return measure.Write(&f, size.Out)
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
