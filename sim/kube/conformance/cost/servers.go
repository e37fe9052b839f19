package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
)

// perConnection is how many watches share a connection.
const perConnection = 50

// servers are what is measured.
type servers struct {
	url, token, etcd string
	pids             measure.Processes
	serial           int // of writes: each is another one
}

func (s *servers) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // the server has made its certificate itself
		DisableCompression: true, ForceAttemptHTTP2: true,
	}}
}

func (s *servers) do(ctx context.Context, c *http.Client, method, path, contentType, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", contentType)
	answer, err := c.Do(r)
	if err == nil && answer.StatusCode >= 300 && answer.StatusCode != http.StatusConflict {
		answer.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return answer, err
}

// ask makes a request, and reads its answer into a pointer, if it is not nil.
func (s *servers) ask(ctx context.Context, c *http.Client, method, path, contentType, body string, into any) error {
	answer, err := s.do(ctx, c, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into != nil {
		return json.NewDecoder(answer.Body).Decode(into)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// objects is how many there are, which are written in turn.
const objects = 20

const endpoints = "/apis/cilium.io/v2/namespaces/default/ciliumendpoints"

func endpoint(i int) string {
	return fmt.Sprintf(`{"kind":"CiliumEndpoint","apiVersion":"cilium.io/v2","metadata":{"name":"cost%d","labels":{"app":"web","tier":"front","k8s-app":"x"}},`+
		`"status":{"id":1,"external-identifiers":{"container-id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","k8s-namespace":"default","k8s-pod-name":"cost%[1]d","pod-name":"default/cost%[1]d"},`+
		`"identity":{"id":1000,"labels":["k8s:app=web","k8s:io.cilium.k8s.policy.cluster=default","k8s:io.cilium.k8s.policy.serviceaccount=default","k8s:io.kubernetes.pod.namespace=default"]},`+
		`"named-ports":[{"name":"http","port":80,"protocol":"TCP"}],"networking":{"addressing":[{"ipv4":"10.0.0.7"}],"node":"192.168.0.1"},"state":"ready"}}`, i)
}

// watchObjects patches CiliumEndpoints, of which watchers hear.
func (s *servers) watchObjects(ctx context.Context, watchers, updates int, during func(func() error) error) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	writer := s.client()
	for i := range objects {
		if err := s.ask(ctx, writer, http.MethodPost, endpoints, "application/json", endpoint(i), nil); err != nil {
			cancel()
			return 0, err
		}
	}
	var list struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := s.ask(ctx, writer, http.MethodGet, endpoints, "application/json", "", &list); err != nil {
		cancel()
		return 0, err
	}
	heard := measure.NewHearing(watchers * updates)
	var gone sync.WaitGroup
	defer gone.Wait()
	defer cancel()
	var c *http.Client
	for i := range watchers {
		if i%perConnection == 0 {
			c = s.client()
		}
		answer, err := s.do(ctx, c, http.MethodGet, endpoints+"?watch=true&timeoutSeconds=900&resourceVersion="+list.Metadata.ResourceVersion, "application/json", "")
		if err != nil {
			return 0, err
		}
		gone.Go(func() {
			defer answer.Body.Close()
			for in := bufio.NewReaderSize(answer.Body, 64<<10); ; {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				heard.Event(len(line))
			}
		})
	}
	time.Sleep(2 * time.Second) // until all is quiet
	err := during(func() error {
		for i := range updates {
			s.serial++
			patch := fmt.Sprintf(`{"status":{"id":%d}}`, time.Now().Unix()%1e5*1e4+int64(s.serial))
			if err := s.ask(ctx, writer, http.MethodPatch, fmt.Sprintf("%s/cost%d", endpoints, i%objects), "application/merge-patch+json", patch, nil); err != nil {
				return err
			}
		}
		return heard.All()
	})
	return heard.Size(), err
}

// watchKeys puts keys, of which watchers hear.
func (s *servers) watchKeys(ctx context.Context, watchers, updates int, during func(func() error) error) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	heard := measure.NewHearing(watchers * updates)
	var gone sync.WaitGroup
	defer gone.Wait()
	defer cancel()
	connect := func() (*clientv3.Client, error) {
		return clientv3.New(clientv3.Config{Endpoints: []string{s.etcd}, DialTimeout: 5 * time.Second, Context: ctx})
	}
	writer, err := connect()
	if err != nil {
		return 0, err
	}
	defer writer.Close()
	for range watchers { // an agent has a connection of its own
		c, err := connect()
		if err != nil {
			return 0, err
		}
		watch := c.Watch(clientv3.WithRequireLeader(ctx), "cost/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		if created := <-watch; created.Err() != nil {
			return 0, created.Err()
		}
		gone.Go(func() {
			defer c.Close()
			for answer := range watch {
				for _, ev := range answer.Events {
					heard.Event(len(ev.Kv.Key) + len(ev.Kv.Value))
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	value := strings.Repeat("v", 200) // about what Cilium's entries have
	err = during(func() error {
		for i := range updates {
			if _, err := writer.Put(ctx, fmt.Sprintf("cost/state/ip/v1/default/10.0.0.%d", i%objects), value); err != nil {
				return err
			}
		}
		return heard.All()
	})
	return heard.Size(), err
}
