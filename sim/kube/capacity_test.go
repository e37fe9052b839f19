package kube_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/cores"
	"github.com/meshcheck/meshcheck/sim/kube"
)

// Requests that come at one instant are answered one after the other, a write and then reads, and a list waits
// for what it has to send.
func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := fault.Duration(time.Second)
		w := newWorld(t, kube.Config{Cores: cores.New(&fault.Prices{Cores: 1, Read: 2 * second, Write: 3 * second, Event: 5 * second, Kilobyte: 4 * second})})
		start, answered := time.Now(), make(chan string, 10)
		ask := func(name, method, path, body string) {
			go func() {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://kube"+path, strings.NewReader(body))
				if err == nil {
					_, err = (&http.Client{Transport: &http.Transport{DialContext: w.dial}}).Do(r)
				}
				answered <- fmt.Sprintf("%s at %.0f %v", name, time.Since(start).Seconds(), err)
			}()
			synctest.Wait()
		}
		ask("create", http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"n"}}`)
		ask("get", http.MethodGet, "/api/v1/namespaces/default", "")
		ask("version", http.MethodGet, "/version", "")
		for _, want := range []string{"create at 3 <nil>", "get at 5 <nil>", "version at 7 <nil>"} {
			require.Equal(t, want, <-answered)
		}
		start = time.Now()
		ask("list", http.MethodGet, "/api/v1/namespaces", "")
		require.Regexp(t, `^list at (6|7|8|9|1\d) <nil>`, <-answered, "1 to 3 KiB are listed")

		ask("watch", http.MethodGet, "/api/v1/namespaces?watch=true&resourceVersion=6", "")
		<-answered
		w.recorded()
		start = time.Now()
		ask("create", http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"m"}}`)
		time.Sleep(7 * time.Second)
		require.NotContains(t, strings.Join(w.recorded(), "\n"), "event")
		time.Sleep(2 * time.Second)
		require.Contains(t, strings.Join(w.recorded(), "\n"), "event", "three seconds for the write, and five to tell of it")
	})
}
