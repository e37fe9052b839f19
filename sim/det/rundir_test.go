package det

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDirectoriesOfKilledOwnersAreRemoved(t *testing.T) {
	base := t.TempDir()
	long := time.Now().Add(-time.Hour)
	make := func(name string, age time.Time) string {
		dir := filepath.Join(base, name)
		require.NoError(t, os.Mkdir(dir, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data"), nil, 0o666))
		require.NoError(t, os.Chtimes(dir, age, age))
		return dir
	}
	abandoned := make(runDirPrefix+"1", long)
	inUse := make(runDirPrefix+"2", long)
	young := make(runDirPrefix+"3", time.Now())
	foreign := make("other", long)
	lock, err := lockDir(inUse)
	require.NoError(t, err)
	defer lock.Close()

	removeAbandoned(base)
	require.NoDirExists(t, abandoned)
	require.DirExists(t, inUse, "its owner lives")
	require.DirExists(t, young, "its owner may be about to lock it")
	require.DirExists(t, foreign)
}

func TestADirectoryIsLockedOnce(t *testing.T) {
	d, err := newRunDir(func(string) {})
	require.NoError(t, err)
	_, err = lockDir(d.path)
	require.Error(t, err)
	require.Empty(t, d.full())
	d.remove()
	require.NoDirExists(t, d.path)
}

func TestTempDirHasSpace(t *testing.T) {
	ram := t.TempDir()
	dir, why := tempDir(ram, 1)
	require.Equal(t, ram, dir)
	require.Empty(t, why)

	dir, why = tempDir(ram, 1<<62)
	require.Equal(t, os.TempDir(), dir)
	require.True(t, strings.HasPrefix(why, ram+" has "), why)

	dir, why = tempDir(filepath.Join(ram, "none"), 1)
	require.Equal(t, os.TempDir(), dir, "a machine without a RAM-backed directory")
	require.Empty(t, why)
}
