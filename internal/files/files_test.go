package files

import (
	"os"
	"path/filepath"
	"testing"

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
