package examples

import (
	"fmt"
	"math/bits"

	"github.com/meshcheck/meshcheck/model/explore"
)

// The size of a Paxos model.
const (
	acceptors  = 3
	values     = 2
	maxBallots = 3
)

// PaxosState is a state of Paxos. Messages are never lost; those sent are bit
// masks, one for each type.
type PaxosState struct {
	MaxBal  [acceptors]int8 // greatest ballot heard of, or -1
	MaxVBal [acceptors]int8 // ballot of the last vote, or -1
	MaxVal  [acceptors]int8 // value of the last vote, or -1
	Sent1a  uint8
	Sent2a  uint8
	Sent2b  uint32
	Sent1b  uint64
}

func bit2a(b, v int) uint8        { return 1 << (b*values + v) }
func bit2b(a, b, v int) uint32    { return 1 << ((a*maxBallots+b)*values + v) }
func bit1b(a, b, vote int) uint64 { return 1 << ((a*maxBallots+b)*(1+maxBallots*values) + vote) }
func voteOf(bal, val int8) int    { return max(0, int(bal)*values+int(val)+1) } // 0: none
func votes1b(s *PaxosState, a, b int) uint64 {
	const width = 1 + maxBallots*values
	return s.Sent1b >> ((a*maxBallots + b) * width) & (1<<width - 1)
}

// Paxos is single-decree Paxos with 3 acceptors, 2 values and the given number of
// ballots, 1 to 3: L. Lamport's Paxos.tla for the lecture "How to win a Turing
// award", https://github.com/tlaplus/Examples, specifications/
// PaxosHowToWinATuringAward. A quorum has the given number of acceptors; with
// less than 2, two quorums need not meet.
func Paxos(ballots, quorum int) *explore.Model[PaxosState] {
	m := explore.New[PaxosState](fmt.Sprintf("paxos, %d ballots, quorums of %d", ballots, quorum))
	var start PaxosState
	for a := range acceptors {
		start.MaxBal[a], start.MaxVBal[a], start.MaxVal[a] = -1, -1, -1
	}
	m.Init(start)
	for b := range ballots {
		m.Action(fmt.Sprintf("Phase1a(b%d)", b), func(s *PaxosState) bool {
			s.Sent1a |= 1 << b
			return true
		})
		for v := range values {
			m.Action(fmt.Sprintf("Phase2a(b%d,v%d)", b, v), func(s *PaxosState) bool {
				return s.phase2a(b, v, quorum)
			})
		}
	}
	for a := range acceptors {
		m.Choice(fmt.Sprintf("Phase1b(a%d)", a),
			func(*PaxosState) int { return ballots },
			func(s *PaxosState, b int) bool { return s.phase1b(a, b) },
		).Label(func(_ *PaxosState, b int) string { return fmt.Sprintf("b%d", b) })
		m.Choice(fmt.Sprintf("Phase2b(a%d)", a),
			func(*PaxosState) int { return ballots * values },
			func(s *PaxosState, i int) bool { return s.phase2b(a, i/values, i%values) },
		).Label(func(_ *PaxosState, i int) string { return fmt.Sprintf("b%d,v%d", i/values, i%values) })
	}
	m.Invariant("one value is chosen", func(s *PaxosState) bool { return bits.OnesCount8(s.chosen(ballots, quorum)) <= 1 })
	m.Transition("a chosen value stays chosen", func(old, next *PaxosState) bool {
		return old.chosen(ballots, quorum)&^next.chosen(ballots, quorum) == 0
	})
	m.Sometimes("a value is chosen", func(s *PaxosState) bool { return s.chosen(ballots, quorum) != 0 })
	m.Symmetry([]int{acceptors, values}, permutePaxos)
	return m
}

func (s *PaxosState) phase1b(a, b int) bool {
	if s.Sent1a>>b&1 == 0 || int8(b) <= s.MaxBal[a] {
		return false
	}
	s.MaxBal[a] = int8(b)
	s.Sent1b |= bit1b(a, b, voteOf(s.MaxVBal[a], s.MaxVal[a]))
	return true
}

// phase2a sends a value that is safe: some quorum has answered phase 1a, and the
// value is that of its latest vote, if it has voted.
func (s *PaxosState) phase2a(b, v, quorum int) bool {
	if s.Sent2a&(bit2a(b, 0)|bit2a(b, 1)) != 0 {
		return false
	}
	for q := range 1 << acceptors {
		if bits.OnesCount(uint(q)) != quorum {
			continue
		}
		complete, latest := true, 0
		for a := range acceptors {
			if q>>a&1 != 0 {
				sent := votes1b(s, a, b)
				complete = complete && sent != 0
				latest = max(latest, bits.Len64(sent)-1)
			}
		}
		if complete && (latest == 0 || (latest-1)%values == v) {
			s.Sent2a |= bit2a(b, v)
			return true
		}
	}
	return false
}

func (s *PaxosState) phase2b(a, b, v int) bool {
	if s.Sent2a&bit2a(b, v) == 0 || int8(b) < s.MaxBal[a] {
		return false
	}
	s.MaxBal[a], s.MaxVBal[a], s.MaxVal[a] = int8(b), int8(b), int8(v)
	s.Sent2b |= bit2b(a, b, v)
	return true
}

// chosen returns the set of chosen values.
func (s *PaxosState) chosen(ballots, quorum int) (set uint8) {
	for b := range ballots {
		for v := range values {
			votes := 0
			for a := range acceptors {
				if s.Sent2b&bit2b(a, b, v) != 0 {
					votes++
				}
			}
			if votes >= quorum {
				set |= 1 << v
			}
		}
	}
	return set
}

// permutePaxos renames acceptors by perm[0] and values by perm[1].
func permutePaxos(s *PaxosState, perm [][]int) {
	old := *s
	s.Sent2a, s.Sent2b, s.Sent1b = 0, 0, 0
	for b := range maxBallots {
		for v := range values {
			if old.Sent2a&bit2a(b, v) != 0 {
				s.Sent2a |= bit2a(b, perm[1][v])
			}
		}
	}
	for a, to := range perm[0] {
		s.MaxBal[to], s.MaxVBal[to], s.MaxVal[to] = old.MaxBal[a], old.MaxVBal[a], -1
		if v := old.MaxVal[a]; v >= 0 {
			s.MaxVal[to] = int8(perm[1][v])
		}
		for b := range maxBallots {
			for v := range values {
				if old.Sent2b&bit2b(a, b, v) != 0 {
					s.Sent2b |= bit2b(to, b, perm[1][v])
				}
			}
			for sent := votes1b(&old, a, b); sent != 0; sent &= sent - 1 {
				vote := bits.TrailingZeros64(sent)
				if vote > 0 {
					vote = (vote-1)/values*values + perm[1][(vote-1)%values] + 1
				}
				s.Sent1b |= bit1b(to, b, vote)
			}
		}
	}
}
