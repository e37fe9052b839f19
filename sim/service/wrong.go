package service

import (
	"slices"
	"time"
)

// change is what the endpoints have become.
type change struct {
	at    time.Time
	ready []string
}

// wrong is a fault for which a host knows other endpoints than those that are ready.
type wrong struct {
	late   time.Duration // by which it learns of changes, if it does late
	before int           // changes that it has heard of before
	named  []string      // endpoints that it knows, ready or not
	dials  int64         // that went, or failed, by what the host knew wrongly
}

// Delay makes a host learn of changes of the endpoints later, until restored. Their slices
// travel to each node by a watch of its own, and each node's kube-proxy makes its own rules
// of them, so that each has its own lag. restore returns how many dials of the host met
// endpoints that were not the present ones.
func (s *Service) Delay(host string, by time.Duration) (restore func() int64) {
	return s.mislead(host, &wrong{late: by})
}

// Name makes a host take servers for endpoints whether they are ready or not, until
// restored, as where a Service publishes addresses that are not ready. restore returns how
// many dials of the host went to one that was not.
func (s *Service) Name(host string, servers []string) (restore func() int64) {
	return s.mislead(host, &wrong{named: servers})
}

func (s *Service) mislead(host string, w *wrong) (restore func() int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.before = len(s.changes)
	s.wrong[host] = append(s.wrong[host], w)
	s.changed()
	return func() int64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wrong[host] = slices.DeleteFunc(s.wrong[host], func(other *wrong) bool { return other == w })
		s.changed()
		return w.dials
	}
}

// known returns the endpoints that a host knows: of several delays the longest counts.
func (s *Service) known(host string) []string {
	known := s.listed(host)
	for _, w := range s.wrong[host] {
		for _, server := range w.named {
			if i, found := slices.BinarySearch(known, server); !found {
				known = slices.Insert(slices.Clone(known), i, server)
			}
		}
	}
	return known
}

// listed returns the endpoints that a host knows for ready.
func (s *Service) listed(host string) []string {
	heard := len(s.changes)
	for _, w := range s.wrong[host] {
		if w.late > 0 {
			heard = min(heard, w.heard(s.changes))
		}
	}
	if heard == 0 {
		return nil
	}
	return s.changes[heard-1].ready
}

// heard is how many of the changes a host has heard of that is late.
func (w *wrong) heard(changes []change) int {
	heard, by := w.before, time.Now().Add(-w.late)
	for heard < len(changes) && !changes[heard].at.After(by) {
		heard++
	}
	return heard
}

// misled counts a dial of a host to a server, or to none, for the faults by which it went
// there.
func (s *Service) misled(host, server string) {
	for _, w := range s.wrong[host] {
		w.misled(server, s.listed(host), s.ready)
	}
}

// misled counts a dial to a server, or to none, of a host that knows some for ready, if the
// host went wrong by this fault.
func (w *wrong) misled(server string, known, ready []string) {
	if w.late > 0 && !slices.Equal(known, ready) || slices.Contains(w.named, server) && !slices.Contains(ready, server) {
		w.dials++
	}
}
