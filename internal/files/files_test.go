package files

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteFileLeavesNoPartBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, Write(path, []byte("one")))
	require.NoError(t, Write(path, []byte("two")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(text))
	require.Error(t, Write(filepath.Join(dir, "no", "f"), nil))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o777))
	require.Error(t, Write(filepath.Join(dir, "d"), nil))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

func TestReadHasABound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o666))
	text, err := Read(path, 5)
	require.NoError(t, err)
	require.Equal(t, "12345", string(text))
	_, err = Read(path, 4)
	require.EqualError(t, err, "it has more than 0 MiB, the most that is read")
	_, err = Read("/dev/zero", 5)
	require.EqualError(t, err, "it is a device, not a file")
	_, err = Read(filepath.Dir(path), 5)
	require.EqualError(t, err, "is a directory")
	_, err = Read(path+"x", 5)
	require.EqualError(t, err, "no such file or directory")
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, bytes int, days int) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o777))
		file := filepath.Join(dir, name, "history")
		require.NoError(t, os.WriteFile(file, make([]byte, bytes), 0o666))
		at := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		require.NoError(t, os.Chtimes(file, at, at))
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), at, at))
	}
	left := func() (names []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
		return names
	}
	const week = 7 * 24 * time.Hour
	folder("a-large", 300_000, 1)
	folder("b-middle", 200_000, 2)
	folder("c-small", 1_000, 3)
	folder("d-old", 10, 8)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "z-file"), []byte("no folder"), 0o666))
	require.NoError(t, Prune(dir, week, 1<<30))
	require.Equal(t, []string{"a-large", "b-middle", "c-small"}, left(), "by age")
	require.NoError(t, Prune(dir, week, 600_000))
	require.Len(t, left(), 3)
	require.NoError(t, Prune(dir, week, 400_000))
	require.Equal(t, []string{"a-large"}, left(), "by size: the oldest beyond it")
	require.NoError(t, Prune(dir, 0, 0))
	require.Equal(t, []string{"a-large"}, left(), "the youngest stays")
	require.Error(t, Prune(filepath.Join(dir, "nowhere"), week, 1))
}
