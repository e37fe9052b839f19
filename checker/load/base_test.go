package load

import (
	"testing"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/checker/property/propertytest"
)

func TestReturnToBase(t *testing.T) {
	const (
		start = "0 world phase - start\n0 k0 up kube - inc=1\n0 a0 up agent - inc=1\n0 a1 up agent - inc=1\n1 k0 watch Pod - peer=a0 ask=0 id=1\n1 k0 watch Pod - peer=a1 ask=0 id=2\n1 a0 connect - - peer=r0 store=a0 inc=1\n5 world phase - churn\n"
		heal  = "60 world phase - heal value=1m0s\n"
		end   = "300 world phase - end value=settled\n"
	)
	fault := func(kind, op string) string {
		return "10 world fault " + kind + " a0 peer=k0 op=" + op + " rev=1\n20 world heal " + kind + " a0 peer=k0 op=" + op + " rev=1\n20 world effect " + kind + " a0 value=" + op + ":1 op=" + op + " rev=1\n"
	}
	again := "21 k0 watch Pod - peer=a0 ask=5 id=3\n"
	propertytest.Tell(t, ReturnToBase, []propertytest.Story{
		{Name: "one ends and one begins", History: start + fault("reset", "connections-reset") + "20.5 k0 unwatch Pod - peer=a0 id=1 value=client\n" + again + heal + end, Outcome: property.Pass,
			Says: []string{"2 watches of servers in the end, of 2 clients, beside at most 2 before the first fault"}},
		{Name: "one begins and none ends", History: start + fault("reset", "connections-reset") + again + heal + end, Outcome: property.Fail,
			Says: []string{"when the run ended servers had 2 watches of Pod by a0, the last one k0 since 21.000s; before the first fault a client like it had 1"}},
		{Name: "the server cannot know of the end", History: start + fault("black-hole", "connections-dead") + again + heal + end, Outcome: property.Pass,
			Says: []string{"2 watches of servers in the end, of 2 clients, beside at most 2 before the first fault"}},
		{Name: "that of a process that has ended", History: start + fault("agent-crash", "process-ended") + "25 a0 down agent - inc=1\n26 a0 up agent - inc=2\n" + heal + end, Outcome: property.Fail,
			Says: []string{"when the run ended k0 still had the watch of Pod by a0 from 1.000s, whose process has ended since"}},
		{Name: "a server that has ended has none", History: start + fault("kube-restart", "process-ended") + "25 k0 down kube - inc=1\n26 k0 up kube - inc=2\n" + "27 k0 watch Pod - peer=a0 ask=5 id=3\n" + heal + end, Outcome: property.Pass,
			Says: []string{"1 watch of servers in the end, of 2 clients, beside at most 2 before the first fault"}},
		{Name: "two connections", History: start + fault("reset", "connections-reset") + "22 a0 connect - - peer=r0 store=a0 inc=1\n" + heal + end, Outcome: property.Fail,
			Says: []string{"when the run ended a0 had 2 connections with r0; before the first fault an agent had 1"}},
		{Name: "a connection with another server in its place", History: start + fault("reset", "connections-reset") + "22 a0 connect - - peer=r1 store=a1 inc=1\n30 a0 disconnect - - peer=r1 store=a1 value=reset\n31 a0 connect - - peer=r0 store=a0 inc=1\n" + heal + end, Outcome: property.Pass,
			Says: []string{"2 watches of servers in the end, of 2 clients, beside at most 2 before the first fault"}},
		{Name: "a node more has a client more on the workload's host", History: start + "6 k0 watch Pod - peer=w0 ask=0 id=8\n" + fault("reset", "connections-reset") + "22 k0 watch Pod - peer=w0 ask=0 id=9\n" + heal + end, Outcome: property.Pass,
			Says: []string{"2 watches of servers in the end, of 2 clients, beside at most 2 before the first fault"}},
		{Name: "the run ends too soon", History: start + heal + "100 world phase - end value=settled\n", Outcome: property.Unknown, Says: []string{"the run did not go on for 3m0s after the heal"}},
		{Name: "there is nothing", History: "0 world phase - start\n5 world phase - churn\n" + heal + end, Outcome: property.Unknown, Says: []string{"no server had a watch or a connection before the first fault"}},
		{Name: "an empty history", Outcome: property.Unknown, Says: []string{"the history is empty"}},
	})
}
