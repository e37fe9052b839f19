// Package conformance runs counterexamples of the abstract mesh on the real code.
//
// Export makes a plan of one: the same replicas, agents, pods and addresses, and
// what has to happen to them in the same order. Follow says whether a run of it went
// as the counterexample, Judge whether it broke the property that the model says is
// broken, Try what several seeds say, and an Outcomes is what is known of a whole
// matrix of modes and properties. WithRepairs gives a counterexample the repairs of another
// mode, to see that they repair it.
//
// # How an order is made to happen
//
// What a counterexample does by itself, the world does by itself as soon as it can: a
// replica's watch delivers, an agent takes over what is new. A plan therefore says
// only who writes, what fails, who is held back and who is led where (steps.go).
// Each of these has a slot of time of its own, in which all that it sets off ends
// (times.go), and what must not come in between has a trigger: a replica that does not
// know of a write is cut off at the event that the write is about to be served
// (delay.go), and what follows an agent's seeing a new entry begins at that event. The
// end of a fault has no event in a plan, so that it has a time.
//
// Where an agent of a handover reads two sources, the world goes through another counterexample than that of the
// matrix (both.go).
//
// A plan never holds an agent back: where a counterexample lets it be late for no purpose,
// the real one is on time.
package conformance
