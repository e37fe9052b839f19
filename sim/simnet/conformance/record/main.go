// Command record tells the stories of the package above on Linux, and writes what happened to
// golden.json: two network namespaces with a third one between them, which can lose what it
// is to pass on. It needs root and the program ip, and takes as long as the longest story, 17
// minutes:
//
//	go run ./sim/simnet/conformance/record > sim/simnet/conformance/golden.json
//
// With a golden of the same Linux and Go it tells only the stories that are not in it.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/meshcheck/meshcheck/sim/simnet"
	"github.com/meshcheck/meshcheck/sim/simnet/conformance"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		l, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", conformance.Port))
		exitOn(err)
		fmt.Println("listens")
		conformance.Serve(l, os.Args[2], nil)
		select {}
	}
	golden := conformance.Golden{Kernel: kernel(), Go: runtime.Version(), Stories: map[string][]conformance.Observation{}}
	switch len(os.Args) {
	case 1:
	case 2:
		known, err := conformance.ReadGolden(os.Args[1])
		exitOn(err)
		if known.Kernel != golden.Kernel || known.Go != golden.Go {
			exitOn(fmt.Errorf("%s is of Linux %s and %s, and this is %s and %s: record all stories", os.Args[1], known.Kernel, known.Go, golden.Kernel, golden.Go))
		}
		golden.Stories = known.Stories
	default:
		exitOn(fmt.Errorf("record takes a golden whose stories are kept, or nothing; found %q", os.Args[1:]))
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, story := range conformance.Stories {
		if _, known := golden.Stories[story.Name]; known {
			continue
		}
		if story.Within < time.Second { // a quick one, which the others would disturb
			all.Wait()
		}
		all.Go(func() {
			n := newNetwork(i)
			defer n.remove()
			observed := conformance.Play(n, story)
			mu.Lock()
			defer mu.Unlock()
			golden.Stories[story.Name] = observed
			fmt.Fprintf(os.Stderr, "%d of %d: %s\n", len(golden.Stories), len(conformance.Stories), story.Name)
		})
	}
	all.Wait()
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	exitOn(out.Encode(golden))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(2)
	}
}

func kernel() string {
	var u unix.Utsname
	exitOn(unix.Uname(&u))
	return unix.ByteSliceToString(u.Release[:])
}

// network is the namespaces of a story. The addresses may be the same in each.
type network struct{ client, router, server string }

const (
	clientAddress = "10.1.0.1"
	serverAddress = "10.2.0.1"
)

func newNetwork(i int) *network {
	name := func(role string) string { return fmt.Sprintf("record-%d-%d-%s", os.Getpid(), i, role) }
	n := &network{name("client"), name("router"), name("server")}
	for _, ns := range []string{n.client, n.router, n.server} {
		ip("netns add " + ns)
		ip("-n " + ns + " link set lo up")
	}
	for _, end := range []struct{ ns, address, gateway, device string }{
		{n.client, clientAddress, "10.1.0.254", "to-client"},
		{n.server, serverAddress, "10.2.0.254", "to-server"},
	} {
		ip("-n " + n.router + " link add " + end.device + " type veth peer name eth0 netns " + end.ns)
		ip("-n " + n.router + " address add " + end.gateway + "/24 dev " + end.device)
		ip("-n " + n.router + " link set " + end.device + " up")
		ip("-n " + end.ns + " address add " + end.address + "/24 dev eth0")
		ip("-n " + end.ns + " link set eth0 up")
		ip("-n " + end.ns + " route add default via " + end.gateway)
	}
	n.within(n.router, func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	return n
}

func (n *network) remove() {
	for _, ns := range []string{n.client, n.router, n.server} {
		ip("netns delete " + ns)
	}
}

// ip runs the program of that name.
func ip(arguments string) {
	if out, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput(); err != nil {
		exitOn(fmt.Errorf("ip %s: %w: %s", arguments, err, out))
	}
}

// within runs f on a thread that is in a namespace: what it opens belongs there.
func (n *network) within(ns string, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		file, err := os.Open("/run/netns/" + ns)
		exitOn(err)
		defer file.Close()
		exitOn(unix.Setns(int(file.Fd()), unix.CLONE_NEWNET))
		result <- f()
	}()
	return <-result
}

func (n *network) DialGRPC(ctx context.Context, _ time.Duration) (net.Conn, error) {
	return n.Dial(ctx, simnet.Socket{})
}

func (n *network) Dial(ctx context.Context, set simnet.Socket) (c net.Conn, err error) {
	dialer := net.Dialer{KeepAlive: set.KeepAlive}
	if set.UserTimeout > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			var refused error
			err := raw.Control(func(fd uintptr) {
				refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(set.UserTimeout.Milliseconds()))
			})
			return cmp.Or(err, refused)
		}
	}
	err = n.within(n.client, func() (err error) {
		c, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(serverAddress, strconv.Itoa(conformance.Port)))
		return err
	})
	return c, err
}

func (n *network) Listen() (l net.Listener, err error) {
	err = n.within(n.server, func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", conformance.Port))
		return err
	})
	return l, err
}

func (n *network) Serve(kind string) (kill func(), err error) {
	cmd := exec.Command("/proc/self/exe", "serve", kind)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go n.within(n.server, func() error { //nolint:errcheck // told below
		started <- cmd.Start()
		return nil
	})
	if err := <-started; err != nil {
		return nil, err
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		return nil, err
	}
	return func() {
		cmd.Process.Kill() //nolint:errcheck // it runs
		cmd.Wait()         //nolint:errcheck // it was killed
	}, nil
}

func (n *network) Cut(toServer, toClient bool) (heal func()) {
	var routes []string
	if toServer {
		routes = append(routes, serverAddress)
	}
	if toClient {
		routes = append(routes, clientAddress)
	}
	for _, address := range routes {
		ip("-n " + n.router + " route add blackhole " + address + "/32")
	}
	return sync.OnceFunc(func() {
		for _, address := range routes {
			ip("-n " + n.router + " route delete blackhole " + address + "/32")
		}
	})
}
