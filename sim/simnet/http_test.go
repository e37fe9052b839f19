package simnet

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serveHTTP serves a handler on port 80 of r0, and returns a client on a0 and
// what ends both.
func serveHTTP(t *testing.T, n *Network, handler http.HandlerFunc) (*http.Client, func()) {
	t.Helper()
	l, err := n.Host("r0").Listen(80)
	require.NoError(t, err)
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go srv.Serve(l)
	transport := &http.Transport{DialContext: n.Host("a0").DialContext}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		srv.Close()
	}
}

func get(client *http.Client, path string) (string, error) {
	resp, err := client.Get("http://r0" + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestHTTP(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		client, stop := serveHTTP(t, n, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.RemoteAddr+strings.Repeat("x", 1<<20))
		})
		defer stop()
		start := time.Now()
		for range 3 {
			body, err := get(client, "/")
			require.NoError(t, err)
			assert.Equal(t, len("a0:32768")+1<<20, len(body))
			assert.Contains(t, body, "a0:32768", "the connection is used again")
		}
		assert.Less(t, time.Since(start), time.Second)

		pass(2 * time.Minute)
		body, err := get(client, "/")
		require.NoError(t, err)
		assert.Contains(t, body, "a0:32769", "the server closed the idle connection")
	})
}

func TestHTTPClientTimeout(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		cancelled := make(chan time.Time, 1)
		client, stop := serveHTTP(t, n, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			cancelled <- time.Now()
		})
		defer stop()
		client.Timeout = 5 * time.Second
		start := time.Now()
		_, err := get(client, "/")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, 5*time.Second+latency, (<-cancelled).Sub(start), "the server learns by the close")
	})
}

func TestHTTPReadHeaderTimeout(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		_, stop := serveHTTP(t, n, func(http.ResponseWriter, *http.Request) {})
		defer stop()
		c, err := n.Host("a0").Dial(t.Context(), "r0:80")
		require.NoError(t, err)
		defer c.Close()
		start := time.Now()
		_, err = io.ReadAll(c)
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second+2*latency, time.Since(start), "accepted after one latency, told after another")
	})
}

func TestHTTPStreamThroughPartition(t *testing.T) {
	simulate(t, exact, func(t *testing.T, n *Network) {
		client, stop := serveHTTP(t, n, func(w http.ResponseWriter, r *http.Request) {
			for {
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Second):
					io.WriteString(w, "x")
					w.(http.Flusher).Flush()
				}
			}
		})
		defer stop()
		resp, err := client.Get("http://r0/watch")
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.ReadFull(resp.Body, make([]byte, 3))
		require.NoError(t, err)

		heal := n.Partition("r0", "a0", true)
		pass(10 * time.Second)
		heal()
		start := time.Now()
		_, err = io.ReadFull(resp.Body, make([]byte, 10))
		require.NoError(t, err)
		assert.Equal(t, latency, time.Since(start), "what was held comes at once")
	})
}
