package permissions

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
	"github.com/meshcheck/meshcheck/sim/agent"
	"github.com/meshcheck/meshcheck/sim/agent/clustermesh"
)

// An agent that reads its own cluster as a remote one, with Cilium's own reader, needs the certificate of a
// remote cluster: with that of local agents, which the chart gives it for what KVStoreMesh has, it is refused.
func TestAgentReads(t *testing.T) {
	d := deploy(t, newAuthority(t), own)
	for key, value := range map[string]string{
		schema.ClusterConfigPrefix + own:                      `{"id":1,"capabilities":{"maxConnectedClusters":255}}`,
		schema.Heartbeat:                                      time.Now().Format(time.RFC1123),
		schema.KindNamed(schema.Identity).Prefix + "66001":    "k8s:app=web;k8s:io.cilium.k8s.policy.cluster=c1;",
		schema.KindNamed(schema.Endpoint).Prefix + "10.0.0.1": `{"IP":"10.0.0.1","HostIP":"192.168.0.1","ID":66001,"K8sNamespace":"default","K8sPodName":"pod-1"}`,
	} {
		require.NoError(t, d.writer.Update(t.Context(), key, []byte(value), false))
	}
	clustermesh.Setup()
	for i, of := range []struct{ certificate, want string }{
		{"remote-" + own, "10.0.0.1"},
		{"remote", "10.0.0.1"},
		{"local-" + own, "permission denied"},
	} {
		require.Equal(t, of.want, d.read(t, i, of.certificate), of.certificate)
	}
}

// read starts an agent with a certificate, and returns the first endpoint that it sees, or that it is refused.
func (d *deployment) read(t *testing.T, number int, certificate string) string {
	address, err := url.Parse(d.endpoint)
	require.NoError(t, err)
	first := make(chan string, 1)
	tell := func(what string) {
		select {
		case first <- what:
		default: // it is not the first
		}
	}
	host := agent.NewHost(agent.Config{
		Host: mode.Agent.Host(number),
		NewSource: func() agent.Source {
			return clustermesh.New(clustermesh.Config{
				Cluster: own, ClusterID: 1, ConfigPath: d.authority.config(t, certificate, d.endpoint), Nodes: 1, QPS: 1000,
				Dial: func(ctx context.Context, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, "tcp", address.Host)
				},
				Store: func(string) string { return "store" },
				Log:   slog.New(slog.NewTextHandler(refusals(tell), nil)),
			})
		},
		Record: func(r history.Record) {
			if r.Verb == history.See && r.Kind == history.Endpoint {
				tell(r.Key)
			}
		},
	})
	require.NoError(t, host.Start())
	defer host.Kill()
	select {
	case what := <-first:
		return what
	case <-time.After(time.Minute):
		return "nothing for a minute"
	}
}

// refusals is a log, of which it is told that somebody was refused.
type refusals func(string)

func (r refusals) Write(line []byte) (int, error) {
	if refused := "permission denied"; bytes.Contains(line, []byte(refused)) {
		r(refused)
	}
	return len(line), nil
}
