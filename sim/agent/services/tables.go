package services

import (
	"context"
	"slices"

	"github.com/cilium/statedb"

	"github.com/cilium/cilium/pkg/loadbalancer"

	"github.com/meshcheck/meshcheck/sim/agent"
)

// Tables are those of an agent's hive that Services are in.
type Tables struct {
	db        *statedb.DB
	services  statedb.Table[*loadbalancer.Service]
	frontends statedb.Table[*loadbalancer.Frontend]
	backends  statedb.Table[*loadbalancer.Backend]
	changes   changes
}

// NewTables returns the tables of a hive, which can be asked for them by this function.
func NewTables(db *statedb.DB, s statedb.Table[*loadbalancer.Service], f statedb.Table[*loadbalancer.Frontend], b statedb.Table[*loadbalancer.Backend]) *Tables {
	return &Tables{db: db, services: s, frontends: f, backends: b}
}

// changes are what has changed in the tables.
type changes struct {
	services  statedb.ChangeIterator[*loadbalancer.Service]
	frontends statedb.ChangeIterator[*loadbalancer.Frontend]
	backends  statedb.ChangeIterator[*loadbalancer.Backend]
}

// Follow begins to follow the tables, which are empty.
func (t *Tables) Follow() (err error) {
	txn := t.db.WriteTxn(t.services, t.frontends, t.backends)
	defer txn.Commit()
	if t.changes.services, err = t.services.Changes(txn); err != nil {
		return err
	}
	if t.changes.frontends, err = t.frontends.Changes(txn); err != nil {
		return err
	}
	t.changes.backends, err = t.backends.Changes(txn)
	return err
}

// Tell tells what each commit to the tables has changed, until the context is done.
func (t *Tables) Tell(ctx context.Context, into agent.Services, reads *Reads) {
	for {
		txn := t.db.ReadTxn()
		changed := map[loadbalancer.ServiceName]bool{}
		services, moreServices := t.changes.services.Next(txn)
		for c := range services {
			changed[c.Object.Name] = true
		}
		frontends, moreFrontends := t.changes.frontends.Next(txn)
		for c := range frontends {
			changed[c.Object.ServiceName] = true
		}
		backends, moreBackends := t.changes.backends.Next(txn)
		for c := range backends {
			changed[c.Object.ServiceName] = true
		}
		for _, name := range sorted(changed) {
			into.Update(name, t.at(txn, name), reads.learned)
			reads.settle(name.String())
		}
		if len(changed) > 0 {
			continue // there may be more
		}
		select {
		case <-moreServices:
		case <-moreFrontends:
		case <-moreBackends:
		case <-ctx.Done():
			return
		}
	}
}

func sorted(changed map[loadbalancer.ServiceName]bool) (names []loadbalancer.ServiceName) {
	for name := range changed {
		names = append(names, name)
	}
	slices.SortFunc(names, loadbalancer.ServiceName.Compare)
	return names
}

// at returns what the tables have of a Service.
func (t *Tables) at(txn statedb.ReadTxn, name loadbalancer.ServiceName) (of agent.Tables) {
	of.Service, _, _ = t.services.Get(txn, loadbalancer.ServiceByName(name))
	for f := range t.frontends.List(txn, loadbalancer.FrontendByServiceName(name)) {
		of.Frontends = append(of.Frontends, f)
	}
	backends, _ := loadbalancer.ListBackendsByServiceName(txn, t.backends, name)
	for b := range backends {
		of.Backends = append(of.Backends, b)
	}
	return of
}
