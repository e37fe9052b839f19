package fault

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionsOfOperators(t *testing.T) {
	for _, c := range []struct {
		options Options
		flaw    string
	}{
		{Options{SliceController: SlimSlices, SliceSize: 1, IdentityGCInterval: second, IdentityTimeout: longestPhase, EndpointGCInterval: second}, ""},
		{Options{SliceController: DefaultSlices}, ""},
		{Options{SliceController: "fat"}, `options.sliceController: found "fat"; want "slim", which makes slices of Pods, or "default", of CiliumEndpoints`},
		{Options{SliceSize: 1001}, "options.sliceSize: found 1001; want 1 to 1000 endpoints, or nothing for 10"},
		{Options{SliceSize: -1}, "options.sliceSize: found -1; want 1 to 1000 endpoints, or nothing for 10"},
		{Options{IdentityGCInterval: second / 2}, "options.identityGCInterval: found 500ms; want 1s to " + longestPhase.String() + ", or nothing for Cilium's default"},
		{Options{IdentityTimeout: -second}, "options.identityTimeout: found -1s; want 1s to " + longestPhase.String() + ", or nothing for Cilium's default"},
		{Options{EndpointGCInterval: longestPhase + 1}, "options.endpointGCInterval: found " + (longestPhase + 1).String() + "; want 1s to " + longestPhase.String() + ", or nothing for Cilium's default"},
	} {
		problem := checkOperators(&c.options)
		if c.flaw == "" {
			require.Nil(t, problem)
			continue
		}
		require.NotNil(t, problem, c.flaw)
		require.Equal(t, c.flaw, problem.Path+": "+problem.Text)
	}
}
