package permissions

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/transport"
)

// authority signs certificates, which it keeps in a directory. All clusters of a mesh have the same, as
// the chart asks for where each has a user of its own.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// server is what a server shows on loopback.
func (a *authority) server(t *testing.T) transport.TLSInfo {
	a.sign(t, "server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	info := a.info("server")
	info.ClientCertAuth = true
	return info
}

// client is what a client of a common name shows: etcd takes it for the name of its user.
func (a *authority) client(t *testing.T, name string) transport.TLSInfo {
	a.sign(t, name, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return a.info(name)
}

func (a *authority) info(name string) transport.TLSInfo {
	return transport.TLSInfo{TrustedCAFile: a.path("ca", "crt"), CertFile: a.path(name, "crt"), KeyFile: a.path(name, "key")}
}

func (a *authority) path(name, what string) string { return filepath.Join(a.dir, name+"."+what) }

// config is an etcd client's configuration, as the chart gives one to agents.
func (a *authority) config(t *testing.T, name, endpoint string) string {
	info, path := a.client(t, name), a.path(name, "yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "endpoints:\n- %s\ntrusted-ca-file: %s\ncert-file: %s\nkey-file: %s\n", endpoint, info.TrustedCAFile, info.CertFile, info.KeyFile), 0o600))
	return path
}

// sign makes a key and a certificate for it, and writes both.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(signed)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	for what, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: signed}, "key": {Type: "PRIVATE KEY", Bytes: raw}} {
		require.NoError(t, os.WriteFile(a.path(name, what), pem.EncodeToMemory(block), 0o600))
	}
	return cert, key
}
