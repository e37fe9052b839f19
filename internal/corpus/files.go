package corpus

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// unfinished begins the names of files and folders that are not complete.
const unfinished = ".new-"

// ErrBusy says that another process has a corpus open.
var ErrBusy = errors.New("another campaign is at work there")

// lockDir locks a directory until the file is closed or the process ends, in
// whatever way: nothing is left behind that a later process would have to judge.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the corpus %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// removeUnfinished removes what a process has left that was killed while it wrote,
// in a corpus and its folders.
func removeUnfinished(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if err != nil {
		return err
	}
	inside, err := filepath.Glob(filepath.Join(dir, "*", unfinished+"*"))
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

// writeFile replaces a file, whole.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, unfinished)
	if err != nil {
		return err
	}
	err = errors.Join(fill(f, data), os.Rename(f.Name(), path), syncDir(dir))
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// writeDir makes a folder with files in it, all at once. The folder must not exist.
func writeDir(parent, name string, files map[string][]byte) error {
	tmp, err := os.MkdirTemp(parent, unfinished)
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

// removeDir removes a folder, all at once.
func removeDir(parent, name string) error {
	tmp := filepath.Join(parent, unfinished+name)
	if err := os.Rename(filepath.Join(parent, name), tmp); err != nil {
		return err
	}
	return errors.Join(syncDir(parent), os.RemoveAll(tmp))
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

// Slug makes a text fit for the name of a folder: what is no letter becomes a
// hyphen, since numbers in messages tell runs apart and not what went wrong.
func Slug(text string) string {
	const longest = 60
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
	slug := ""
	for _, word := range words {
		if len(slug)+len(word) >= longest {
			break
		}
		slug = strings.TrimPrefix(slug+"-"+word, "-")
	}
	return slug
}
