// This file lets the package declare variables of others: see link.go.
