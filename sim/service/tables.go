package service

import (
	"slices"
	"time"
)

// Where clients read of a Service's endpoints themselves, and dial one of them, a Service
// holds only what is to be published of them, and what faults make of that.

// OnChange sets what is told, with a lock held, that Published may say something else. It is
// called before the Service is used.
func (s *Service) OnChange(told func()) { s.onChange = told }

func (s *Service) changed() {
	if s.onChange != nil {
		s.onChange()
	}
}

// Published reports whether the Service says of a host that it is ready: it is, or a fault
// names it.
func (s *Service) Published(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.ready, host) {
		return true
	}
	for _, list := range s.wrong { // in any order: one is enough
		for _, w := range list {
			if slices.Contains(w.named, host) {
				return true
			}
		}
	}
	return false
}

// Lag returns how late a client learns of what is published.
func (s *Service) Lag(client string) (late time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong[client] {
		late = max(late, w.late)
	}
	return late
}

// Dialled notes that a client that knows some ready endpoints, in order of name, dials one of
// them, or, with an empty name, none.
func (s *Service) Dialled(client, server string, known []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong[client] {
		w.misled(server, known, s.ready)
	}
}
