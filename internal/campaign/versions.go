package campaign

import (
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/meshcheck/meshcheck/internal/corpus"
)

// The modules whose versions tell what a worker runs, by the names that people
// give them.
var told = map[string]string{
	"github.com/cilium/cilium":  "cilium",
	"go.etcd.io/etcd/server/v3": "etcd",
	"k8s.io/client-go":          "client-go",
}

// Versions returns the versions of what a worker is built from, and the beginning
// of the worker's own hash: what is found with one worker may not be shown by
// another.
func Versions(worker string) (corpus.Versions, error) {
	info, err := buildinfo.ReadFile(worker)
	if err != nil {
		return nil, fmt.Errorf("the worker %s does not tell what it is built from: %w", worker, err)
	}
	f, err := os.Open(worker)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return nil, err
	}
	versions := corpus.Versions{"go": info.GoVersion, "worker": fmt.Sprintf("%x", hash.Sum(nil)[:8])}
	for _, module := range info.Deps {
		if name := told[module.Path]; name != "" {
			versions[name] = module.Version
			if module.Replace != nil {
				versions[name] = strings.TrimSpace(module.Replace.Path + " " + module.Replace.Version)
			}
		}
	}
	return versions, nil
}
