package permissions

import (
	"crypto/tls"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table in docs/review.md anew")

// deployments are those of the proposal: one for the own cluster and others, or two. Each has the clusters
// that its file of remote clusters names.
var deployments = []struct {
	name     string
	clusters []string
}{
	{"in one", []string{own, "c2"}},
	{"in the own", []string{own}},
	{"in the others'", []string{"c2"}},
}

// clients are those that have a certificate, of one authority, by what it names and who has it.
var clients = []struct{ certificate, who string }{
	{"admin-" + own, "the writer, KVStoreMesh where it writes"},
	{"local-" + own, "agents of the cluster, as the chart has them"},
	{"remote-" + own, "agents that read the own cluster as a remote one"},
	{"remote", "all clusters, with `authMode` legacy or migration"},
	{"remote-c2", "another cluster, with `authMode` cluster"},
	{"remote-c3", "a cluster that no file names"},
	{"admin-c2", "another cluster's writer"},
}

// TestTable tries all, and compares with what the review's answer says.
func TestTable(t *testing.T) {
	const file, begin, end = "../../../docs/review.md", "<!-- permissions: go test ./sim/mesh/permissions -run Table -update -->\n", "<!-- end -->"
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(raw), begin)
	require.True(t, found, "%s has no %q", file, begin)
	old, after, found := strings.Cut(rest, end)
	require.True(t, found, "%s has no %q after it", file, end)
	table := tried(t)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+table+end+after), 0o644))
		return
	}
	require.Equal(t, old, table, "go test ./sim/mesh/permissions -run Table -update writes it")
}

// tried is the table of what clients could do. In a deployment in which a client is no user it can
// do as little as any stranger; in the others all can do the same.
func tried(t *testing.T) string {
	var b strings.Builder
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	head, line := []string{"certificate", "who has it"}, []string{"---", "---"}
	var all []*deployment
	a := newAuthority(t)
	for _, d := range deployments {
		head, line, all = append(head, d.name), append(line, "---"), append(all, deploy(t, a, d.clusters...))
	}
	for _, p := range parts {
		head, line = append(head, p.name), append(line, "---")
	}
	row(head...)
	row(line...)
	for _, c := range clients {
		cells, can := []string{"`" + c.certificate + "`", c.who}, strangers
		for _, d := range all {
			now := d.tries(t, c.certificate)
			switch {
			case now == strangers:
				cells = append(cells, "-")
				continue
			case can != strangers:
				require.Equal(t, can, now, c.certificate)
			}
			cells, can = append(cells, "a user"), now
		}
		row(append(cells, can[:]...)...)
	}
	for _, d := range all {
		d.asksForCertificates(t)
	}
	return b.String()
}

// tries has a client try everything.
func (d *deployment) tries(t *testing.T, certificate string) (can [len(parts)]string) {
	c := d.connect(t, certificate)
	for i, p := range parts {
		can[i] = p.try(t, c)
	}
	return can
}

// asksForCertificates holds that who has none cannot connect.
func (d *deployment) asksForCertificates(t *testing.T) {
	info := d.authority.info("ca")
	info.CertFile, info.KeyFile = "", ""
	cfg, err := info.ClientConfig()
	require.NoError(t, err)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(d.endpoint, "https://"), cfg)
	require.NoError(t, err) // the server refuses after its client's part of the handshake
	defer conn.Close()      //nolint:errcheck // it is closed already
	_, err = conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "certificate required")
}
