package drive

import (
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/meshcheck/meshcheck/internal/text"
	"github.com/meshcheck/meshcheck/report"
)

// CodeOf tells what a worker is built from.
func CodeOf(worker string) (*report.Code, error) {
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
	code := &report.Code{Go: info.GoVersion, Worker: worker, Hash: fmt.Sprintf("%x", hash.Sum(nil)[:8]), Whole: path.Base(info.Path) == "whole"}
	told := map[string]*string{"github.com/cilium/cilium": &code.Cilium, "go.etcd.io/etcd/server/v3": &code.Etcd, "k8s.io/client-go": &code.ClientGo}
	for _, module := range info.Deps {
		if to := told[module.Path]; to != nil {
			*to = versionOf(module)
		}
	}
	return code, nil
}

// versionOf is a module's version, or what replaces it: a directory with the state that
// its git repository has now, if it is one.
func versionOf(module *debug.Module) string {
	switch r := module.Replace; {
	case r == nil:
		return module.Version
	case r.Version != "" && r.Version != "(devel)":
		return r.Path + " " + r.Version
	default:
		return r.Path + GitState(besideModule(r.Path))
	}
}

// besideModule finds a path of a go.mod: what is relative is so to the module that the
// working directory is in.
func besideModule(path string) string {
	dir, err := os.Getwd()
	for err == nil && !filepath.IsAbs(path) && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, path)
		}
		dir = filepath.Dir(dir)
	}
	return path
}

// GitState says in brackets which commit and branch of its git repository a directory has,
// and whether files that git knows are changed. It is empty where that cannot be told.
func GitState(dir string) string {
	out, err := exec.Command("git", "-C", dir, "status", "--porcelain=v2", "--branch", "--untracked-files=no").Output()
	if err != nil {
		return ""
	}
	commit, branch, changed := "", "", 0
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "# branch.oid "):
			commit = strings.TrimPrefix(line, "# branch.oid ")
		case strings.HasPrefix(line, "# branch.head "):
			branch = strings.TrimPrefix(line, "# branch.head ")
		case !strings.HasPrefix(line, "#"):
			changed++
		}
	}
	state := fmt.Sprintf(" (now git %.12s on %s", commit, branch)
	if changed > 0 {
		state += ", and " + text.Count(changed, "changed file")
	}
	return state + ")"
}
