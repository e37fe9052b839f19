package reduction

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPermutations(t *testing.T) {
	assert.Equal(t, [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}, permutations(3))
	assert.Len(t, renamings([]int{2, 3}), 2*6-1)
	assert.Empty(t, renamings([]int{1, 1}))
}
