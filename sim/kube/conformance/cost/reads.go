package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
)

// Reads are of so many objects in a namespace of their own, so often.
const (
	listed = 1000
	gets   = 500
	lists  = 20
)

const listedEndpoints = "/apis/cilium.io/v2/namespaces/kube-public/ciliumendpoints"

// reads measures what reads cost the kube-apiserver: one of an object, and of many objects at once, as a list
// and as the initial state of a watch.
func (s *servers) reads(ctx context.Context, idle map[string]float64, samples *measure.Samples) error {
	c := s.client()
	for i := range listed {
		if err := s.ask(ctx, c, http.MethodPost, listedEndpoints, "application/json", strings.ReplaceAll(endpoint(i), "10.0.0.7", fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)), nil); err != nil {
			return err
		}
	}
	used, err := s.pids.During(idle, func() error {
		for i := range gets {
			if err := s.ask(ctx, c, http.MethodGet, fmt.Sprintf("%s/cost%d", listedEndpoints, i%listed), "application/json", "", nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	samples.Add("kube-apiserver", "a get of a CiliumEndpoint", "ms of CPU", 0, used["kube-apiserver"]*1e3/gets)
	for _, read := range []struct {
		what, query string
		size        func(io.Reader) (int, error)
	}{
		{"a KiB of a list of CiliumEndpoints", "resourceVersion=0", func(r io.Reader) (int, error) { n, err := io.Copy(io.Discard, r); return int(n), err }},
		{"a KiB of CiliumEndpoints with which a watch begins", "watch=true&timeoutSeconds=60&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan", untilBookmark},
	} {
		size := 0
		used, err := s.pids.During(idle, func() error {
			for range lists {
				answer, err := s.do(ctx, c, http.MethodGet, listedEndpoints+"?"+read.query, "application/json", "")
				if err != nil {
					return err
				}
				size, err = read.size(answer.Body)
				answer.Body.Close()
				if err != nil {
					return fmt.Errorf("%s: %w", read.what, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		samples.Add("kube-apiserver", read.what, "µs of CPU", size, used["kube-apiserver"]*1e6/(lists*float64(size)/1024))
	}
	return nil
}

// untilBookmark reads the initial state of a watch, and returns its size.
func untilBookmark(body io.Reader) (size int, err error) {
	for in := bufio.NewReaderSize(body, 64<<10); ; {
		line, err := in.ReadSlice('\n')
		if size += len(line); err != nil || bytes.Contains(line, []byte("initial-events-end")) {
			return size, err
		}
	}
}
