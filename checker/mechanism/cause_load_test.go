package mechanism_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshcheck/meshcheck/checker"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/checker/load"
	"github.com/meshcheck/meshcheck/checker/mechanism"
	"github.com/meshcheck/meshcheck/history"
	"github.com/meshcheck/meshcheck/history/index"
)

// An etcd refuses so many puts in the twenty seconds from 70 s on; then some keys are put.
func refusing(puts int, client string, keys int) string {
	var b strings.Builder
	b.WriteString("0 r0 up etcd - store=A inc=1\n0 r0 up writer - inc=1\n0 r1 up writer - inc=1\n1 k0 request Pod - op=list peer=r0\n")
	for i := range puts {
		fmt.Fprintf(&b, "%.3f r0 call meta Put op=other err=\"database space exceeded\" peer=%s store=A\n", 70+20*float64(i)/float64(puts), client)
	}
	for i := range keys {
		fmt.Fprintf(&b, "95 r0 put meta key%d store=A rev=%d\n", i, i+2)
	}
	return b.String()
}

func TestCauseOfAStorm(t *testing.T) {
	for _, c := range []struct {
		name, records, want string
	}{
		{"each key again and again, with back-off", refusing(130, "r0", 10), mechanism.CauseRefused},
		{"more often than with back-off", refusing(150, "r0", 10), ""},
		{"a few keys, more often than with back-off", refusing(130, "r0", 9), ""},
		{"another writer's requests", refusing(130, "r1", 10), ""},
		{"requests that were not refused", strings.ReplaceAll(refusing(130, "r0", 10), ` err="database space exceeded"`, ""), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			records, err := history.Parse(c.records)
			require.NoError(t, err)
			r, _ := checker.Check(index.New(&history.History{Records: records}), checker.Config{}).Result(load.Load.Name)
			require.Len(t, r.Violations, 1)
			if c.want == "" {
				require.Nil(t, r.Violations[0].Cause)
				return
			}
			require.NotNil(t, r.Violations[0].Cause)
			require.Equal(t, c.want, r.Violations[0].Cause.Name())
		})
	}
}
