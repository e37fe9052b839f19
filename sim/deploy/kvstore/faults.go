package kvstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// Injection returns how the faults of the etcd take effect.
func (s *Store) Injection(kind fault.Kind) func(int, *fault.Fault) deploy.Effect {
	switch kind {
	case fault.EtcdRestart:
		return func(_ int, f *fault.Fault) deploy.Effect { return s.restart(s.on(f.Target), false) }
	case fault.EtcdMemberLoss:
		return func(_ int, f *fault.Fault) deploy.Effect { return s.restart(s.on(f.Target), true) }
	case fault.EtcdLeaderCut:
		return func(int, *fault.Fault) deploy.Effect { return s.cutLeader() }
	case fault.EtcdQuota:
		return func(_ int, f *fault.Fault) deploy.Effect { return s.on(f.Target).quota() }
	case fault.EtcdSlow, fault.EtcdStall, fault.EtcdCompaction, fault.EtcdClock:
		return func(_ int, f *fault.Fault) deploy.Effect {
			server := s.on(f.Target).Server()
			if server == nil {
				return deploy.Void("the etcd " + f.Target + " was down")
			}
			return deploy.OnEtcd(server, f)
		}
	}
	return nil
}

// restart ends a member's process; it starts with its data when nothing holds it down, or
// without, and then the others have to forget it and expect a new one before.
func (s *Store) restart(m *member, lost bool) deploy.Effect {
	if lost && slices.ContainsFunc(s.members, func(other *member) bool { return other != m && other.lost }) {
		return deploy.Void("another member was lost: without a majority none can be replaced")
	}
	ended := int64(0)
	m.lost = m.lost || lost
	if m.down++; m.down == 1 {
		m.Kill()
		ended = 1
	}
	return deploy.HeldDown(ended, func() {
		if m.down--; m.down > 0 {
			return
		}
		if m.lost {
			if !m.replacing {
				m.replacing = true
				go s.replace(m)
			}
			return
		}
		deploy.Must(m.Start(etcd.Kept))
		m.updateAlarm()
	}, func() bool { return m.Server() != nil || m.lost })
}

// replace starts a member that has lost its data, when the others expect that: as an
// administrator does, who tries again every few seconds until a majority agrees. A process that
// finds none of the others ends, and is started again.
func (s *Store) replace(m *member) {
	for expected := false; ; time.Sleep(replacePause) {
		var via *etcd.Server
		for _, other := range s.members {
			if server := other.Server(); other != m && server != nil {
				via = server
				break
			}
		}
		if s.Ended() {
			return
		}
		if via == nil {
			continue
		}
		if !expected {
			ctx, cancel := context.WithTimeout(context.Background(), replaceTimeout)
			err := via.Replace(ctx, m.host)
			cancel()
			if err != nil {
				continue
			}
			expected = true
		}
		over := true
		s.Step(func() { over = s.join(m) })
		if over {
			return
		}
	}
}

// join starts a member that the others expect. It reports false if it has found none of them.
func (s *Store) join(m *member) (over bool) {
	if m.down > 0 || s.Ended() {
		m.replacing = false
		return true // what holds it down starts it, as one that is to be replaced once more
	}
	err := m.Start(etcd.Lost)
	if errors.Is(err, etcd.ErrNotJoined) {
		return false
	}
	deploy.Must(err)
	m.lost, m.replacing = false, false
	m.updateAlarm()
	return true
}

// How long an administrator waits for the others' answer, and before the next try.
const (
	replaceTimeout = 10 * time.Second
	replacePause   = 3 * time.Second
)

// cutLeader cuts the member that leads off from the others; clients reach it.
func (s *Store) cutLeader() deploy.Effect {
	leader := ""
	for _, m := range s.members {
		if server := m.Server(); server != nil && server.Leader() == m.host {
			leader = m.host
			break
		}
	}
	if leader == "" {
		return deploy.Void("the etcd had no leader")
	}
	var lifts []func()
	var others []string
	for _, m := range s.members {
		if m.host != leader {
			others = append(others, m.host)
			lifts = append(lifts, s.Net.Partition(leader, m.host, false))
		}
	}
	e := deploy.Cut(s.Net, deploy.Together(lifts), func(from, to string) bool {
		return mode.Etcd.Is(from) && mode.Etcd.Is(to) && (from == leader || to == leader)
	})
	e.Hosts, e.Peers = []string{leader}, others
	return e
}

// quota raises an alarm, which is data and so outlives a restart of the etcd: the one that
// runs at the end has to be told that it is over.
func (m *member) quota() deploy.Effect {
	if m.Server() == nil {
		return deploy.Void("the etcd " + m.host + " was down")
	}
	m.noSpace++
	m.updateAlarm()
	return deploy.Effect{Did: deploy.Since(m.refused.Load), Lift: func() {
		if m.noSpace--; m.noSpace == 0 { // else two changes of one instant, in no order
			m.updateAlarm()
		}
	}}
}

// updateAlarm raises or disarms the alarm of the running etcd. Nobody waits for that: it
// goes through the etcd's log, which may be stalled, and is made again when an etcd that
// ends before starts anew.
func (m *member) updateAlarm() {
	server := m.Server()
	switch {
	case server == nil:
	case m.noSpace > 0:
		m.alarmed = true
		go server.RaiseNoSpace(context.Background()) //nolint:errcheck
	case m.alarmed:
		go server.DisarmNoSpace(context.Background()) //nolint:errcheck
	}
}
