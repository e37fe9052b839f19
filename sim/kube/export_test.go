package kube

// OpenWatches counts the watches that the server has not forgotten.
func (s *Server) OpenWatches() int {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	n := 0
	for _, k := range s.cache.kinds {
		n += len(k.watches)
	}
	return n
}
