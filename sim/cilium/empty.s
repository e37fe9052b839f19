// This file lets the package declare variables of others: see the go:linkname lines.
