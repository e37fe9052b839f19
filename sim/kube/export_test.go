package kube

// OpenWatches counts the watches that the server has not forgotten.
func (s *Server) OpenWatches() int {
	return s.cache.Watches()
}
