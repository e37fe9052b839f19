// This file lets the package's tests declare variables of others: see link_test.go.
