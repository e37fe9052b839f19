package mesh

// write is a write that the kube-apiserver has acknowledged, or in mode direct a
// replica: a pod is created with an address, or is deleted, which frees it.
type write struct {
	Pod, Address uint8
	Delete       bool
}

// at returns the write with a resourceVersion from 1 to s.RV.
func (s *State) at(rv uint8) write { return s.Log[rv-1] }

// truth returns what was true at a resourceVersion.
func (s *State) truth(rv uint8) entries { return s.log().truth(rv) }

// log is what has been acknowledged by now.
func (s *State) log() Log { return s.Log[:s.RV] }

// deleted returns the resourceVersion at which the pod that the write created was
// deleted, or zero if it lives.
func (s *State) deleted(created uint8) uint8 {
	pod := s.at(created).Pod
	for i := created + 1; i <= s.RV; i++ {
		if w := s.at(i); w.Pod == pod {
			return i
		}
	}
	return 0
}

// genuine reports whether the kube-apiserver ever said that the address belongs to
// the pod that the write created.
func (s *State) genuine(address int, created uint8) bool {
	return created <= s.RV && s.at(created) == write{Pod: s.at(created).Pod, Address: uint8(address)}
}
