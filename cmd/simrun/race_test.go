//go:build race

package main

// raced is whether the race detector is on, under which some tests take ten times as long.
const raced = true
