package sources

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

func TestFirstSync(t *testing.T) {
	const (
		boot  = "0 k0 up kube - inc=1\n0 r0 up etcd - store=a0 inc=1\n0 r0 up writer - inc=1\n0 a0 up agent - inc=1\n"
		ready = "1 r0 ready - -\n"
		end   = "500 world phase - end value=settled\n"
	)
	propertytest.Tell(t, FirstSync, []propertytest.Story{
		{Name: "both are ready at once", History: boot + ready + "2 a0 synced endpoint - value=synced inc=1\n" + end, Outcome: property.Pass, Says: []string{"2 starts of agents, writers and operators, after 2 of which the process was ready"}},
		{Name: "the agent stops waiting", History: boot + ready + "60 a0 synced endpoint - value=timeout inc=1\n" + end, Outcome: property.Fail, Says: []string{
			"the agent of a0, which started at 0.000s, was not ready at 60.000s: nothing disturbed it for 34.900s of that, and 30.000s are enough"}},
		{Name: "it may have had a back-off", History: boot + "31 r0 ready - -\n" + "60 a0 synced endpoint - value=timeout inc=1\n" + end, Outcome: property.Pass, Says: []string{"2 starts of agents, writers and operators, after 1 of which the process was ready"}},
		{Name: "a fault keeps the agent from it", History: boot + ready + "1.5 world fault partition a0 peer=r0 op=cut rev=1\n90 world heal partition a0 peer=r0 op=cut rev=1\n91 a0 synced endpoint - value=timeout inc=1\n" + end, Outcome: property.Pass, Says: []string{"2 starts of agents, writers and operators, after 1 of which the process was ready"}},
		{Name: "one that was over when it started does not", History: boot + ready + "2 a0 synced endpoint - value=synced inc=1\n100 world fault agent-crash a0 op=process-ended rev=1\n100 a0 down agent - inc=1\n110 a0 up agent - inc=2\n110 world heal agent-crash a0 op=process-ended rev=1\n170 a0 synced endpoint - value=timeout inc=2\n" + end, Outcome: property.Fail, Says: []string{
			"the agent of a0, which started at 110.000s, was not ready at 170.000s: nothing disturbed it for 60.000s of that, and 30.000s are enough"}},
		{Name: "the writer is late", History: boot + "130 r0 ready - -\n131 a0 synced endpoint - value=synced inc=1\n" + end, Outcome: property.Fail, Says: []string{
			"the writer of r0, which started at 0.000s, was ready only at 130.000s: nothing disturbed it for 130.000s of that, and 120.000s are enough"}},
		{Name: "no operator leads", History: "0 o0 up operator - inc=1\n0 o1 up operator - inc=1\n1 o0 ready operator - inc=1\n100 o0 unready operator - inc=1\n100 o0 down operator - inc=1\n" + end, Outcome: property.Fail, Says: []string{
			"one of the operators, of which none led from 100.000s, was not ready at 500.000s: nothing disturbed it for 400.000s of that, and 30.000s are enough"}},
		{Name: "the other one leads soon", History: "0 o0 up operator - inc=1\n0 o1 up operator - inc=1\n1 o0 ready operator - inc=1\n100 o0 down operator - inc=1\n116 o1 ready operator - inc=1\n" + end, Outcome: property.Pass, Says: []string{"2 starts of agents, writers and operators, after 2 of which the process was ready"}},
		{Name: "nothing says so", History: "0 a0 up agent - inc=1\n200 world phase - end value=bound\n", Outcome: property.Unknown, Says: []string{"of none of 1 start of agents, writers and operators the history says that the process was ready"}},
		{Name: "an empty history", Outcome: property.Unknown, Says: []string{"the history is empty"}},
	})
}
