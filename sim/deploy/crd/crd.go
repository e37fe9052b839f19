// Package crd is the deployment of the mode in which every agent reads the
// kube-apiservers itself: nothing but the agents' own connections.
package crd

import (
	"sync"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/crd"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/deploy"
	"github.com/meshcheck/meshcheck/sim/etcd"
	"github.com/meshcheck/meshcheck/sim/service"
	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/truth"
	"github.com/meshcheck/meshcheck/sim/workload"
)

type deployment struct{ *deploy.Fabric }

// New returns the deployment.
func New(f *deploy.Fabric) (deploy.Deployment, error) {
	crd.Setup(f.Plan.Options.ClusterName, f.Plan.Options.ClusterID)
	return deployment{f}, nil
}

func (d deployment) Source(name string, services *services.Reader) agent.Source {
	cfg := Reader(d.Fabric, name)
	cfg.Services = services
	return crd.New(cfg)
}

// Reader says how an incarnation of an agent reads CRDs.
func Reader(f *deploy.Fabric, name string) crd.Config {
	return crd.Config{
		Node:           fault.NodeName(mode.Number(name)),
		EndpointSlices: f.Plan.Options.EndpointSlices,
		Dial:           f.DialKube(name),
		Log:            f.LogOf(name),
	}
}

func (deployment) Service() *service.Service { return nil }
func (deployment) Exports() bool             { return false }
func (deployment) Start()                    {}
func (deployment) Stop(*sync.WaitGroup)      {}
func (deployment) Alive(string) bool         { return true }
func (deployment) OnEvent(simnet.Event)      {}

func (deployment) Truth() *truth.Shared                 { return nil }
func (deployment) Agents() workload.Agents              { return nil }
func (deployment) EtcdClient(string) *etcd.ClientConfig { return nil }

func (deployment) Injection(fault.Kind) func(int, *fault.Fault) deploy.Effect { return nil }
