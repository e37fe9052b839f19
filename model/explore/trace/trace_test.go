package trace

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

type door bool

func (d door) String() string { return map[door]string{false: "shut", true: "open"}[d] }

func TestReadRefusesOtherVersions(t *testing.T) {
	_, err := Read([]byte(`{"version": 2}`))
	assert.EqualError(t, err, "trace: version 2, this program reads version 1")
	_, err = Read([]byte(`{"version": 1, "loop": 3, "steps": []}`))
	assert.EqualError(t, err, "trace: loop at step 3 of 0: it must be -1 or a number of steps")
	_, err = Read([]byte(`[`))
	assert.ErrorContains(t, err, "trace: unexpected end")
}

func TestValuesAreShownOnOneLine(t *testing.T) {
	type leaf struct {
		Doors [2]door
		Names map[string][]int
	}
	s := struct {
		Leaves []leaf
		Nested map[door]leaf
	}{
		Leaves: []leaf{{Doors: [2]door{false, true}, Names: map[string][]int{"b": {1, 2}, "a": nil}}},
		Nested: map[door]leaf{true: {}},
	}
	var got []string
	for _, v := range Vars(&s) {
		got = append(got, v.String())
	}
	assert.Equal(t, []string{
		"Leaves=[{Doors:[shut open] Names:map[a:[] b:[1 2]]}]",
		"Nested[open].Doors[0]=shut",
		"Nested[open].Doors[1]=shut",
	}, got)
}
