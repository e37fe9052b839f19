package text

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 pods": Count(0, "pod"), "1 pod": Count(1, "pod"), "4,211 entries": Count(4211, "entry"), "2 watches": Count(2, "watch"),
		"2 keys": Count(2, "key"), "2 addresses": Count(2, "address"), "1,000 first pods": Count(1000, "first pod"),
	} {
		require.Equal(t, want, got)
	}
}

func TestThousands(t *testing.T) {
	for want, n := range map[string]int{"0": 0, "999": 999, "1,000": 1000, "-1,000": -1000, "1,234,567": 1234567} {
		require.Equal(t, want, Thousands(n))
	}
}

func TestOrdinal(t *testing.T) {
	for want, n := range map[string]int{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "11th": 11, "12th": 12, "13th": 13, "21st": 21, "112th": 112} {
		require.Equal(t, want, Ordinal(n))
	}
}

func TestTimes(t *testing.T) {
	require.Equal(t, "12.400s", Seconds(12400*time.Millisecond))
	require.Equal(t, "0.71s", Rounded(710*time.Millisecond))
	require.Equal(t, "12.3s", Rounded(12345*time.Millisecond))
	require.Equal(t, "2m0s", Rounded(2*time.Minute+100*time.Millisecond))
}

func TestLists(t *testing.T) {
	require.Equal(t, "a, b", Few([]string{"a", "b"}, 2))
	require.Equal(t, "a, b and 1,000 more", Few([]string{"a", "b"}, 1002))
	require.Equal(t, "", AndMore(0))
	require.Equal(t, "abc...", Shorten("abcd", 3))
	require.Equal(t, "abc", Shorten("abc", 3))
}

func TestWrap(t *testing.T) {
	const long = "a promise that does not fit into one line of eighty characters, since it goes on and on"
	require.Equal(t, "  why: a promise that does not fit into one line of eighty characters, since it\n       goes on and on\n", Wrap("  why: ", long))
	require.Equal(t, "  short\n", Wrap("  ", "short"))
}

func TestLine(t *testing.T) {
	require.Equal(t, "pods[3].ip", Line("pods[3].ip"))
	require.Equal(t, `labels["a"]`, Line(`labels["a"]`))
	require.Equal(t, `"\nnn"`, Line("\nnn"))
}
