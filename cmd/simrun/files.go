package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/meshcheck/meshcheck/fault"
	"github.com/meshcheck/meshcheck/sim/det"
)

// writeFile writes a file so that a reader never sees a part of it.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// checkTarget says before a run why its output could not be written to path, if
// it is not empty: as a file, or as a directory that is made if it is missing.
func checkTarget(flagName, path string, directory bool) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case directory && err == nil && !info.IsDir():
		return usageErrorf("-%s %s: with -seeds this must be a directory, and it is a file", flagName, path)
	case directory:
		if err := os.MkdirAll(path, 0o777); err != nil {
			return usageErrorf("-%s: cannot make the directory: %w", flagName, err)
		}
	case err == nil && info.IsDir():
		return usageErrorf("-%s %s: this is a directory; give the name of a file", flagName, path)
	case err != nil:
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return usageErrorf("-%s %s: there is no directory %s", flagName, path, filepath.Dir(path))
		}
	}
	return nil
}

// keep stores what is known of a failed run where it outlives this program, and
// returns the directory: the plan, what the worker printed, and the history as
// far as it came. The same failure of the same plan has the same place.
func keep(plan *fault.Plan, failure *det.Failure) (dir string, err error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir() // no home: as in a container
	}
	hash := sha256.Sum256([]byte(plan.Line()))
	dir = filepath.Join(base, "meshcheck", "failures", fmt.Sprintf("seed-%d-%s-%x", plan.Seed, failure.Kind, hash[:4]))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("keeping the plan: %w", err)
	}
	return dir, errors.Join(
		writeFile(filepath.Join(dir, "plan.json"), plan.Encode()),
		writeFile(filepath.Join(dir, "output.txt"), []byte(failure.Message+"\n"+failure.Output)),
		writeFile(filepath.Join(dir, "history"), failure.History),
	)
}

// plainError takes the operation off an error of the file system; the path is
// named by the caller.
func plainError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
