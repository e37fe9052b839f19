//go:build detrt

package daemon

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cilium/cilium/daemon/cmd"
	datapathTables "github.com/cilium/cilium/pkg/datapath/tables"
	"github.com/cilium/cilium/pkg/hive"
	ipamOption "github.com/cilium/cilium/pkg/ipam/option"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
)

// stateDir is the agent's run and state directory: its working directory, as that of the real
// one is its state directory.
const stateDir = "."

// bootIDFile is in it: what says which boot of the machine this is.
const bootIDFile = "boot_id"

// flags are those that differ from cilium-agent's defaults.
func (d *daemon) flags() map[string]string {
	return map[string]string{
		"cluster-name":                 d.cfg.Cluster,
		"cluster-id":                   strconv.Itoa(d.cfg.ClusterID),
		"enable-cilium-endpoint-slice": strconv.FormatBool(d.cfg.EndpointSlices),
		"identity-allocation-mode":     option.IdentityAllocationModeCRD,
		"identity-management-mode":     d.cfg.Identities,
		"identity-max-jitter":          d.cfg.IdentityJitter.String(),
		"ipam":                         ipamOption.IPAMKubernetes,
		// What needs a process, a socket or a device of its own.
		"enable-l7-proxy":                 "false",
		"enable-hubble":                   "false",
		"enable-health-checking":          "false",
		"enable-endpoint-health-checking": "false",
		"kube-proxy-replacement":          "false",
		"bpf-map-dynamic-size-ratio":      "0", // of the machine's memory
	}
}

// configure does what initDaemonConfigAndLogging and initEnv of daemon/cmd do.
func (d *daemon) configure() error {
	hive.AddConfigOverride(d.hive, func(c *datapathTables.DirectRoutingDeviceConfig) { c.DirectRoutingDevice = "test0" })
	c, vp := &cobra.Command{}, d.hive.Viper()
	d.hive.RegisterFlags(c.Flags())
	cmd.InitGlobalFlags(d.cfg.Log, c, vp)
	flags := d.flags()
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if err := c.Flags().Set(name, flags[name]); err != nil {
			return fmt.Errorf("cilium-agent: %w", err)
		}
	}
	vp.Set(option.BootIDFilename, bootIDFile)
	option.Config.Populate(d.cfg.Log, vp)
	option.Config.PopulateEnableCiliumNodeCRD(d.cfg.Log, vp)
	option.Config.RunDir, option.Config.StateDir = stateDir, stateDir
	option.Config.DryMode = true
	option.Config.Opts = option.NewIntOptions(&option.DaemonMutableOptionLibrary)
	vp.Set(option.EndpointGCInterval, 0)
	if err := os.MkdirAll("globals", 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(bootIDFile, []byte("boot-of-"+d.cfg.Node+"\n"), 0o666); err != nil {
		return err
	}
	return labelsfilter.ParseLabelPrefixCfg(d.cfg.Log, nil, nil, "")
}
