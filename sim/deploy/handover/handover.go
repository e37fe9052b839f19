// Package handover is the deployment of the mode in which agents read CRDs until they can reach
// the etcd of a replica: that of package clustermesh, with agents that have a second reader.
package handover

import (
	"cmp"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
	"github.com/meshcheck/meshcheck/sim/agent/crd"
	"github.com/meshcheck/meshcheck/sim/agent/handover"
	"github.com/meshcheck/meshcheck/sim/agent/services"
	"github.com/meshcheck/meshcheck/sim/deploy"
	meshdeploy "github.com/meshcheck/meshcheck/sim/deploy/clustermesh"
	crddeploy "github.com/meshcheck/meshcheck/sim/deploy/crd"
)

type deployment struct{ *meshdeploy.Mesh }

// New returns the deployment, of which nothing runs.
func New(f *deploy.Fabric) (deploy.Deployment, error) {
	mesh, err := meshdeploy.NewMesh(f)
	if err != nil {
		return nil, err
	}
	crd.Setup(f.Plan.Options.ClusterName, f.Plan.Options.ClusterID)
	return deployment{mesh}, nil
}

// Source implements deploy.Deployment.
func (d deployment) Source(name string, services *services.Reader) agent.Source {
	in := d.Plan.InMode()
	etcd := d.Reader(name, d.Service().Dialer(name, "", d.Net.Host(name).Dial))
	etcd.Shares = in.Policy == mode.ByPrecedence
	return agent.Beside(services, handover.New(handover.Config{
		Host:   name,
		Policy: in.Policy,
		After:  cmp.Or(d.Plan.Options.HandoverAfter, fault.HandoverAfter).Std(),
		Etcd:   clustermesh.New(etcd),
		NewCRD: func(shared *agent.Shared) agent.Source {
			cfg := crddeploy.Reader(d.Fabric, name)
			cfg.Shared = shared
			return crd.New(cfg)
		},
		Record: d.Record,
	}))
}
