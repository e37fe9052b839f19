package history

import (
	"encoding/hex"
	"hash/fnv"
)

// ValueHash is the short name of a value in the answers of a [Call]: the 64-bit
// FNV-1a hash in 16 hexadecimal digits. It is the same in every version.
func ValueHash(value []byte) string {
	h := fnv.New64a()
	h.Write(value)
	return hex.EncodeToString(h.Sum(nil))
}
