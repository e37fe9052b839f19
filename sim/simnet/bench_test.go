package simnet

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// inBubble runs a benchmark in a synctest bubble. A bubble needs a *testing.T,
// which a benchmark does not have; none of its methods may be called. Loops are
// over b.N: b.Loop would measure virtual time.
func inBubble(b *testing.B, f func()) {
	b.ReportAllocs()
	synctest.Test(new(testing.T), func(*testing.T) { f() })
}

func benchNetwork() (n *Network, client, server *Host) {
	n = New(Config{Seed: 1, LatencyMin: 200 * time.Microsecond, LatencyMax: 2 * time.Millisecond})
	return n, n.Host("a0"), n.Host("r0")
}

func BenchmarkDialClose(b *testing.B) {
	inBubble(b, func() {
		n, client, server := benchNetwork()
		defer n.Close()
		l, err := server.Listen(2379)
		require.NoError(b, err)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
		for range b.N {
			c, err := client.Dial(context.Background(), "r0:2379")
			require.NoError(b, err)
			c.Close()
		}
	})
}

// BenchmarkSegments measures one segment that a waiting reader reads.
func BenchmarkSegments(b *testing.B) {
	inBubble(b, func() {
		n, client, server := benchNetwork()
		defer n.Close()
		c, s := connect(b, client, server)
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, struct{ io.Reader }{s})
		}()
		p := make([]byte, 100)
		for range b.N {
			c.Write(p)
			time.Sleep(3 * time.Millisecond)
		}
		c.Close()
		<-read
	})
}

// BenchmarkSleep measures the part of BenchmarkSegments that is not the network.
func BenchmarkSleep(b *testing.B) {
	inBubble(b, func() {
		for range b.N {
			time.Sleep(3 * time.Millisecond)
		}
	})
}

// BenchmarkStream measures segments sent as fast as the window lets them go.
func BenchmarkStream(b *testing.B) {
	inBubble(b, func() {
		n, client, server := benchNetwork()
		defer n.Close()
		c, s := connect(b, client, server)
		read := make(chan struct{})
		go func() {
			defer close(read)
			io.Copy(io.Discard, struct{ io.Reader }{s})
		}()
		p := make([]byte, 1000)
		b.SetBytes(int64(len(p)))
		for range b.N {
			c.Write(p)
		}
		c.Close()
		<-read
	})
}

func BenchmarkEcho(b *testing.B) {
	inBubble(b, func() {
		n, client, server := benchNetwork()
		defer n.Close()
		c, s := connect(b, client, server)
		go io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{s})
		p := make([]byte, 100)
		for range b.N {
			c.Write(p)
			_, err := io.ReadFull(c, p)
			require.NoError(b, err)
		}
	})
}

func BenchmarkHTTP(b *testing.B) {
	inBubble(b, func() {
		n, client, server := benchNetwork()
		l, err := server.Listen(80)
		require.NoError(b, err)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
		})}
		go srv.Serve(l)
		transport := &http.Transport{DialContext: client.DialContext}
		httpClient := &http.Client{Transport: transport}
		for range b.N {
			resp, err := httpClient.Get("http://r0/")
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(b, err)
			resp.Body.Close()
		}
		transport.CloseIdleConnections()
		srv.Close()
		n.Close()
	})
}
