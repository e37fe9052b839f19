package det

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	runDirPrefix = "meshcheck-run-"
	// runDirSpace is the least free space, in bytes, of a file system that runs are
	// put on: the largest run that was seen took 167 MB.
	runDirSpace = 256 << 20
	// runDirYouth is how old a directory without a lock must be before it is taken
	// for one whose owner is gone: its owner locks it right after making it.
	runDirYouth = time.Minute
)

// runDir is the directory that a worker runs in. Its owner holds a lock on it, which
// the kernel lifts when the owner is gone, however it ended.
type runDir struct {
	path string
	lock *os.File
}

// sweep removes, once in a process, what owners that were killed have left.
var sweep = sync.OnceFunc(func() {
	for _, base := range []string{ramDir, os.TempDir()} {
		removeAbandoned(base)
	}
})

func newRunDir(notice func(string)) (*runDir, error) {
	sweep()
	base, why := tempDir(ramDir, runDirSpace)
	if why != "" {
		notice(why)
	}
	path, err := os.MkdirTemp(base, runDirPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(path)
	if err != nil {
		os.RemoveAll(path)
		return nil, fmt.Errorf("locking the directory of a run: %w", err)
	}
	return &runDir{path, lock}, nil
}

// full says in a sentence that there is no space left, or nothing.
func (d *runDir) full() string {
	if free, err := freeSpace(d.path); err != nil || free > 1<<20 {
		return ""
	}
	return "no space left in " + filepath.Dir(d.path)
}

func (d *runDir) remove() {
	os.RemoveAll(d.path)
	d.lock.Close()
}

// lockDir locks a directory for this process; it fails at once if another has it.
func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func removeAbandoned(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, runDirPrefix+"*"))
	if err != nil {
		return // the pattern is right
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < runDirYouth {
			continue
		}
		if lock, err := lockDir(dir); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// ramDir is a RAM-backed directory on Linux. Waiting for a disk is the one thing that
// a seed cannot determine.
const ramDir = "/dev/shm"

// tempDir returns the directory for temporary data: the RAM-backed one if it can be
// written to and has the space, else the system's, and then why, in a sentence.
func tempDir(ram string, space uint64) (dir, why string) {
	free, err := freeSpace(ram)
	if err == nil && free < space {
		return os.TempDir(), fmt.Sprintf("%s has %d MiB free and a run may need %d: runs are in %s, and may wait for a disk there, after which they are repeated",
			ram, free>>20, space>>20, os.TempDir())
	}
	f, err := os.CreateTemp(ram, "meshcheck-probe-")
	if err != nil {
		return os.TempDir(), ""
	}
	f.Close()
	os.Remove(f.Name())
	return ram, ""
}

// freeSpace returns how many bytes this user can still write into a directory.
func freeSpace(dir string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}
