package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

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

// plainError takes the operation off an error of the file system; the path is
// named by the caller.
func plainError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
