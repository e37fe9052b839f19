//go:build !detrt

package hosts

const tracks = false

func current() uint32 { return 0 }

func enter(uint32) {}
