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
	return crd.New(crd.Config{
		Node:           fault.NodeName(mode.Number(name)),
		EndpointSlices: d.Plan.Options.EndpointSlices,
		Dial:           d.DialKube(name),
		Services:       services,
		Log:            d.LogOf(name),
	})
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
