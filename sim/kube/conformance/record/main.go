// Command record makes the golden: it runs the script against a real kube-apiserver and
// writes what that answered. The script remake in the folder real builds the server,
// starts it and calls this.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/meshcheck/meshcheck/sim/kube/conformance"
)

func main() {
	var g conformance.Golden
	url := flag.String("url", "https://127.0.0.1:16443", "the kube-apiserver")
	token := flag.String("token", "", "its bearer token")
	etcd := flag.String("etcd", "http://127.0.0.1:12379", "its etcd")
	out := flag.String("o", "", "the golden to write")
	flag.StringVar(&g.Server, "server", "", "what the server is, as in \"kube-apiserver 1.36.4\"")
	flag.StringVar(&g.Storage, "storage", "", "what its etcd is")
	flag.StringVar(&g.CRDs, "crds", "", "whose CRDs it has")
	flag.Parse()
	if *out == "" || g.Server == "" {
		fmt.Fprintln(os.Stderr, "record: -o and -server are missing: the file to write, and the server with its version")
		os.Exit(2)
	}
	if err := record(g, *url, *token, *etcd, *out); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(g conformance.Golden, url, token, etcd, out string) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{etcd}, DialTimeout: 5 * time.Second})
	if err != nil {
		return fmt.Errorf("the etcd %s: %w", etcd, err)
	}
	defer client.Close()
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // it has made its certificate itself
		DisableCompression: true,
	}
	g.Answers, err = conformance.Run(conformance.Target{
		URL: url, Token: token, Client: &http.Client{Transport: transport},
		Compact: func() error { return compact(client) },
	})
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := g.Write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// compact compacts the etcd as the compactor of a kube-apiserver does, which notices
// by its key.
func compact(client *clientv3.Client) error {
	ctx := context.Background()
	now, err := client.Get(ctx, "compact_rev_key")
	if err != nil {
		return err
	}
	if _, err := client.Put(ctx, "compact_rev_key", fmt.Sprint(now.Header.Revision)); err != nil {
		return err
	}
	_, err = client.Compact(ctx, now.Header.Revision)
	return err
}
