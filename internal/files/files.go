// Package files reads files that may be anything, and writes files and folders so that a
// reader never sees a part of one, also if the process is killed meanwhile or the machine
// loses its power.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Unfinished begins the names of files and folders that are not complete.
const Unfinished = ".new-"

// RemoveUnfinished removes what a process has left that was killed while it wrote, in
// a folder and those in it.
func RemoveUnfinished(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, Unfinished+"*"))
	if err != nil {
		return err
	}
	inside, err := filepath.Glob(filepath.Join(dir, "*", Unfinished+"*"))
	if err != nil {
		return err
	}
	for _, path := range slices.Concat(left, inside) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// Read returns what is in a file or pipe of at most so many bytes. A device is refused,
// which may have no end. Its errors do not name the file.
func Read(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Plain(err)
	}
	defer f.Close()
	return ReadFrom(f, most)
}

// ReadFrom is [Read] of an open file.
func ReadFrom(f *os.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, Plain(err)
	}
	if info.Mode()&os.ModeDevice != 0 {
		return nil, errors.New("it is a device, not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, Plain(err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("it has more than %d MiB, the most that is read", most>>20)
	}
	return data, nil
}

// TryDir says why no file can be made in a directory, if none can.
func TryDir(dir string) error {
	f, err := os.CreateTemp(dir, Unfinished)
	if err != nil {
		return Plain(err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Plain is an error without the operation and the path, which who reports it names.
func Plain(err error) error {
	var (
		path *fs.PathError
		link *os.LinkError
	)
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Write replaces a file, whole. What is there and is no file, such as a pipe or a
// terminal, is written to.
func Write(path string, data []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return os.WriteFile(path, data, 0)
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, Unfinished)
	if err != nil {
		return err
	}
	err = errors.Join(fill(f, data), os.Rename(f.Name(), path), syncDir(dir))
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// WriteDir makes a folder with files in it, all at once. The folder must not exist.
func WriteDir(parent, name string, files map[string][]byte) error {
	tmp, err := os.MkdirTemp(parent, Unfinished)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone if it was renamed
	for _, file := range slices.Sorted(maps.Keys(files)) {
		f, err := os.Create(filepath.Join(tmp, file))
		if err != nil {
			return err
		}
		if err := fill(f, files[file]); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod(tmp, 0o755), syncDir(tmp)); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(parent, name)); err != nil {
		return err
	}
	return syncDir(parent)
}

// RemoveDir removes a folder, all at once.
func RemoveDir(parent, name string) error {
	tmp := filepath.Join(parent, Unfinished+name)
	if err := os.Rename(filepath.Join(parent, name), tmp); err != nil {
		return err
	}
	return errors.Join(syncDir(parent), os.RemoveAll(tmp))
}

// Prune removes folders of a folder: those that were last written to longer ago, and the
// oldest beyond so many bytes in all; never the youngest one. Another process may do the
// same meanwhile.
func Prune(parent string, age time.Duration, most int64) error {
	type folder struct {
		path  string
		bytes int64
		at    time.Time
	}
	var all []folder
	entries, err := os.ReadDir(parent)
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		f := folder{path: filepath.Join(parent, entry.Name())}
		err = errors.Join(err, fs.WalkDir(os.DirFS(f.path), ".", func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return ifThere(err)
			}
			info, err := d.Info()
			if err != nil {
				return ifThere(err)
			}
			if f.bytes += info.Size(); info.ModTime().After(f.at) {
				f.at = info.ModTime()
			}
			return nil
		}))
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b folder) int { return b.at.Compare(a.at) })
	kept := int64(0)
	for i, f := range all {
		if kept += f.bytes; i > 0 && (kept > most || time.Since(f.at) > age) {
			err = errors.Join(err, os.RemoveAll(f.path))
		}
	}
	return err
}

// ifThere is an error, unless it says that something is gone.
func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// fill writes a file, brings it to the disk and closes it.
func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	return errors.Join(err, f.Close())
}

// syncDir brings the names in a directory to the disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
