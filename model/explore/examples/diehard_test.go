package examples

import "github.com/meshcheck/meshcheck/model/explore"

// Jugs is a state of DieHard: gallons of water in each jug.
type Jugs struct {
	Big   int8 // of 5
	Small int8 // of 3
}

// DieHard is the puzzle of getting 4 gallons with jugs of 5 and 3: L. Lamport's
// DieHard.tla, https://github.com/tlaplus/Examples, specifications/DieHard.
func DieHard() *explore.Model[Jugs] {
	m := explore.New[Jugs]("die hard")
	m.Init(Jugs{})
	do := func(name string, f func(s *Jugs)) {
		m.Action(name, func(s *Jugs) bool { f(s); return true })
	}
	do("FillSmallJug", func(s *Jugs) { s.Small = 3 })
	do("FillBigJug", func(s *Jugs) { s.Big = 5 })
	do("EmptySmallJug", func(s *Jugs) { s.Small = 0 })
	do("EmptyBigJug", func(s *Jugs) { s.Big = 0 })
	do("SmallToBig", func(s *Jugs) {
		poured := min(s.Small, 5-s.Big)
		s.Small, s.Big = s.Small-poured, s.Big+poured
	})
	do("BigToSmall", func(s *Jugs) {
		poured := min(s.Big, 3-s.Small)
		s.Small, s.Big = s.Small+poured, s.Big-poured
	})
	m.Invariant("not solved", func(s *Jugs) bool { return s.Big != 4 })
	return m
}
