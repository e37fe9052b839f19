package main

import (
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/abstract"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/console"
	"github.com/meshcheck/meshcheck/cmd/simrun/internal/histories"
	bugs "github.com/meshcheck/meshcheck/testdata/planted"
)

// commands are what simrun can do; the one without a name runs plans.
var commands = console.Commands{
	"":             {New: func() console.Command { return new(simulate) }, Help: simulateHelp},
	"check":        histories.Check,
	"export":       histories.Export,
	"explain":      histories.Explain,
	"report":       histories.Report,
	"validate":     histories.Validate,
	"behaviour":    {New: histories.Validate.New, Help: histories.Validate.Help, Earlier: true},
	"judge":        {New: func() console.Command { return new(judge) }, Help: judgeHelp},
	"compare":      {New: func() console.Command { return new(comparison) }, Help: compareHelp},
	"matrix":       {New: func() console.Command { return new(compareModes) }, Help: matrixHelp},
	"load":         {New: func() console.Command { return new(loads) }, Help: loadHelp},
	"calibrate":    {New: func() console.Command { return new(calibration) }, Help: calibrateHelp},
	"verify":       {New: func() console.Command { return new(verify) }, Help: verifyHelp},
	"shrink":       {New: func() console.Command { return new(shrinkPlan) }, Help: shrinkHelp},
	"campaign":     {New: func() console.Command { return new(search) }, Help: campaignHelp},
	"planted":      {New: func() console.Command { return &hunt{bugs: bugs.Files} }, Help: plantedHelp},
	"repairs":      {New: func() console.Command { return new(repairing) }, Help: repairsHelp},
	"model":        abstract.Model,
	"faults":       {New: func() console.Command { return faults{} }, Help: faultsHelp},
	"properties":   {New: func() console.Command { return properties{} }, Help: propertiesHelp},
	"version":      {New: func() console.Command { return new(version) }, Help: versionHelp},
	"build-worker": {New: func() console.Command { return new(buildWorker) }, Help: buildHelp},
}
