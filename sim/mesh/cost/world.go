package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/internal/capacity/measure"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/sim/kube"
	"github.com/meshcheck/meshcheck/sim/kube/storage"
	"github.com/meshcheck/meshcheck/sim/kubeclient"
)

// world is a kube-apiserver, in this process, and an etcd, in another.
type world struct {
	dir        string
	kube, etcd string // their addresses
	keys       *clientv3.Client
	pids       measure.Processes
	processes  []*exec.Cmd
	size       measure.Size
	steps      *measure.Steps
}

// in makes a world for some work, and ends it.
func in(size measure.Size, steps *measure.Steps, work func(context.Context, *world) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "cost")
	if err != nil {
		return err
	}
	w := &world{dir: dir, pids: measure.Processes{}, size: size, steps: steps}
	defer os.RemoveAll(dir)
	defer w.end()
	if err := w.serveKube(); err != nil {
		return err
	}
	peers, err := free()
	if err != nil {
		return err
	}
	if w.etcd, err = free(); err != nil {
		return err
	}
	if err := w.start(ctx, "etcd", nil, dir+"/etcd", w.etcd, peers); err != nil {
		return err
	}
	if w.keys, err = w.connect(ctx); err != nil {
		return err
	}
	defer w.keys.Close()
	return work(ctx, w)
}

func (w *world) end() {
	for _, p := range w.processes {
		p.Process.Kill() //nolint:errcheck // it may have ended
		p.Wait()         //nolint:errcheck // as above
	}
}

// free is an address at which nobody listens.
func free() (string, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return lis.Addr().String(), lis.Close()
}

func (w *world) serveKube() error {
	kubeclient.Fit()
	store := storage.New(storage.Config{AnyNamespace: true})
	if err := store.CreateSystemNamespaces(); err != nil {
		return err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.kube = lis.Addr().String()
	go kube.NewServer(store, kube.Config{Name: mode.APIServer.Host(0)}).Serve(lis) //nolint:errcheck // it ends with the program
	return nil
}

// start starts a process of a role, whose CPU is measured from now on.
func (w *world) start(ctx context.Context, role string, io func(*exec.Cmd) error, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p := exec.CommandContext(ctx, self, append([]string{"-role", role}, args...)...)
	p.Stderr = os.Stderr
	if io != nil {
		if err := io(p); err != nil {
			return err
		}
	}
	if err := p.Start(); err != nil {
		return err
	}
	w.processes, w.pids[role] = append(w.processes, p), p.Process.Pid
	return nil
}

func (w *world) connect(ctx context.Context) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{w.etcd}, DialTimeout: 10 * time.Second, Context: ctx})
}

// ask makes a request of the kube-apiserver.
func (w *world) ask(ctx context.Context, method, path, contentType, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+w.kube+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return err
}

func (w *world) create(ctx context.Context, path, body string) error {
	return w.ask(ctx, http.MethodPost, path, "application/json", body)
}

func (w *world) patch(ctx context.Context, path, body string) error {
	return w.ask(ctx, http.MethodPatch, path, "application/merge-patch+json", body)
}

// hear returns what is heard of the keys below a prefix, until the context's end.
func (w *world) hear(ctx context.Context, c *clientv3.Client, prefix string, heard *measure.Hearing) error {
	watch := c.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	if created := <-watch; created.Err() != nil {
		return created.Err()
	}
	go func() {
		for answer := range watch {
			for _, ev := range answer.Events {
				heard.Event(len(ev.Kv.Key) + len(ev.Kv.Value))
			}
		}
	}()
	return nil
}

// has waits until there are so many keys below a prefix.
func (w *world) has(ctx context.Context, prefix string, n int64) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		r, err := w.keys.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		switch {
		case err != nil:
			return err
		case r.Count == n:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("below %s are %d keys after a minute, of %d", prefix, r.Count, n)
		}
	}
}

// counter asks an agent how many changes have reached it.
type counter struct {
	ask    io.Writer
	answer *bufio.Reader
}

func (c *counter) count() (int, error) {
	if _, err := fmt.Fprintln(c.ask); err != nil {
		return 0, err
	}
	line, err := c.answer.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// reaches waits until so many changes have.
func (c *counter) reaches(n int) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		now, err := c.count()
		switch {
		case err != nil:
			return err
		case now >= n:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%d changes have reached the agent after a minute, of %d", now, n)
		}
	}
}
