package kvstore

import (
	"context"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
)

// Injection returns how the faults of the etcd take effect.
func (s *Store) Injection(kind fault.Kind) func(int, *fault.Fault) deploy.Effect {
	switch kind {
	case fault.EtcdRestart:
		return func(int, *fault.Fault) deploy.Effect { return s.member.restart() }
	case fault.EtcdQuota:
		return func(int, *fault.Fault) deploy.Effect { return s.member.quota() }
	case fault.EtcdSlow, fault.EtcdStall, fault.EtcdCompaction, fault.EtcdClock:
		return func(_ int, f *fault.Fault) deploy.Effect {
			server := s.member.Server()
			if server == nil {
				return deploy.Void("the etcd " + f.Target + " was down")
			}
			return deploy.OnEtcd(server, f)
		}
	}
	return nil
}

// restart ends the etcd's process; it starts with its data when nothing holds it down.
func (m *member) restart() deploy.Effect {
	ended := int64(0)
	if m.down++; m.down == 1 {
		m.Kill()
		ended = 1
	}
	return deploy.HeldDown(ended, func() {
		if m.down--; m.down == 0 {
			deploy.Must(m.Start(etcd.Kept))
			m.updateAlarm()
		}
	}, func() bool { return m.Server() != nil })
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
