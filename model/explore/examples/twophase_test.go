// Package examples holds well-known models for the explorer, written from their
// published specifications. Their tests compare numbers of states, depths and
// verdicts with what others have published for them.
package examples

import (
	"fmt"

	"github.com/meshcheck/meshcheck/model/explore"
)

// RMState is the state of a resource manager.
type RMState uint8

// The states of a resource manager.
const (
	Working RMState = iota
	Prepared
	Committed
	Aborted
)

func (s RMState) String() string {
	return [...]string{"working", "prepared", "committed", "aborted"}[s]
}

// TMState is the state of the transaction manager.
type TMState uint8

// The states of the transaction manager.
const (
	TMInit TMState = iota
	TMCommitted
	TMAborted
)

func (s TMState) String() string { return [...]string{"init", "committed", "aborted"}[s] }

// MaxRM is the greatest number of resource managers of a TwoPhase model.
const MaxRM = 12

// TwoPhaseState is a state of TwoPhase. Sets of resource managers are bit masks.
type TwoPhaseState struct {
	RM         [MaxRM]RMState
	TM         TMState
	TMPrepared [2]uint8 // that the transaction manager knows to be prepared
	Sent       [2]uint8 // that have sent Prepared
	Commit     bool     // was sent
	Abort      bool     // was sent
}

func has(set [2]uint8, i int) bool { return set[i>>3]>>(i&7)&1 != 0 }
func add(set *[2]uint8, i int)     { set[i>>3] |= 1 << (i & 7) }

// TwoPhase is two-phase commit among rms resource managers, 1 to MaxRM: J. Gray
// and L. Lamport, "Consensus on Transaction Commit", MSR-TR-2003-96, appendix
// A.2. Messages are never lost and may be received again.
func TwoPhase(rms int) *explore.Model[TwoPhaseState] {
	m := explore.New[TwoPhaseState](fmt.Sprintf("two-phase commit, %d resource managers", rms))
	m.Init(TwoPhaseState{})
	undecided := func(s *TwoPhaseState) bool { return s.TM == TMInit }
	commit := m.Action("TMCommit", func(s *TwoPhaseState) bool {
		s.TM, s.Commit = TMCommitted, true
		return true
	}).When("tm", undecided).Writes("tm", "commit")
	m.Action("TMAbort", func(s *TwoPhaseState) bool {
		s.TM, s.Abort = TMAborted, true
		return true
	}).When("tm", undecided).Writes("tm", "abort")
	for rm := range rms {
		addRM(m, rm)
		commit.When(fmt.Sprintf("known%d", rm), func(s *TwoPhaseState) bool { return has(s.TMPrepared, rm) })
	}
	consistent := m.Invariant("consistent", func(s *TwoPhaseState) bool {
		var committed, aborted bool
		for _, r := range s.RM {
			committed = committed || r == Committed
			aborted = aborted || r == Aborted
		}
		return !committed || !aborted
	})
	for rm := range rms {
		consistent.Reads(fmt.Sprintf("rm%d", rm))
	}
	m.Canonical(func(s *TwoPhaseState) { sortRMs(s, rms) })
	return m
}

// addRM adds the actions of and for one resource manager.
func addRM(m *explore.Model[TwoPhaseState], rm int) {
	name := func(action string) string { return fmt.Sprintf("%s(rm%d)", action, rm) }
	state, sent, known := fmt.Sprintf("rm%d", rm), fmt.Sprintf("sent%d", rm), fmt.Sprintf("known%d", rm)
	become := func(next RMState) func(s *TwoPhaseState) bool {
		return func(s *TwoPhaseState) bool {
			s.RM[rm] = next
			return true
		}
	}
	working := func(s *TwoPhaseState) bool { return s.RM[rm] == Working }
	m.Action(name("TMRcvPrepared"), func(s *TwoPhaseState) bool {
		add(&s.TMPrepared, rm)
		return true
	}).When(sent, func(s *TwoPhaseState) bool {
		return has(s.Sent, rm)
	}).When("tm", func(s *TwoPhaseState) bool {
		return s.TM == TMInit
	}).Writes(known)
	m.Action(name("RMPrepare"), func(s *TwoPhaseState) bool {
		s.RM[rm] = Prepared
		add(&s.Sent, rm)
		return true
	}).When(state, working).Writes(state, sent)
	m.Action(name("RMChooseToAbort"), become(Aborted)).When(state, working).Writes(state)
	m.Action(name("RMRcvCommit"), become(Committed)).
		When("commit", func(s *TwoPhaseState) bool { return s.Commit }).Writes(state)
	m.Action(name("RMRcvAbort"), become(Aborted)).
		When("abort", func(s *TwoPhaseState) bool { return s.Abort }).Writes(state)
}

// sortRMs puts the resource managers in order of all that is known of each.
func sortRMs(s *TwoPhaseState, rms int) {
	var key [MaxRM]uint8
	for rm := range rms {
		key[rm] = uint8(s.RM[rm]) << 2
		if has(s.TMPrepared, rm) {
			key[rm] |= 2
		}
		if has(s.Sent, rm) {
			key[rm] |= 1
		}
	}
	for i := 1; i < rms; i++ {
		for j := i; j > 0 && key[j] < key[j-1]; j-- {
			key[j], key[j-1] = key[j-1], key[j]
		}
	}
	s.TMPrepared, s.Sent = [2]uint8{}, [2]uint8{}
	for rm := range rms {
		s.RM[rm] = RMState(key[rm] >> 2)
		if key[rm]&2 != 0 {
			add(&s.TMPrepared, rm)
		}
		if key[rm]&1 != 0 {
			add(&s.Sent, rm)
		}
	}
}
