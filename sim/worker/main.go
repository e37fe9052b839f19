// Command worker is one run of a world without whole agents: see package process.
package main

import "github.com/meshcheck/meshcheck/sim/worker/process"

func main() { process.Main(nil) }
