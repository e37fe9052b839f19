package main

import (
	"encoding/json"
	"fmt"

	"github.com/meshcheck/meshcheck/internal/campaign"
	"github.com/meshcheck/meshcheck/internal/corpus"
	"github.com/meshcheck/meshcheck/report"
)

// What campaign writes as JSON, one object to a line, each with version and kind.
type (
	lineHeader struct {
		Version int    `json:"version"`
		Kind    string `json:"kind"` // finding, campaign or replay
	}
	foundLine struct {
		lineHeader
		Name    string          `json:"name"` // of its folder
		Plan    string          `json:"plan"` // the file
		Drawn   string          `json:"drawn,omitempty"`
		Finding *corpus.Finding `json:"finding"`
	}
	campaignLine struct {
		lineHeader
		Seeds          int           `json:"seeds"`
		ElapsedSeconds float64       `json:"elapsedSeconds"`
		Findings       []string      `json:"findings"`
		New            []string      `json:"new"`
		State          *corpus.State `json:"state"`
	}
	replayLine struct {
		lineHeader
		Name  string `json:"name"`
		Plan  string `json:"plan"`
		Shows bool   `json:"shows"`
		Says  string `json:"says"`
	}
)

func header(kind string) lineHeader { return lineHeader{report.JSONVersion, kind} }

func (c *console) writeLine(form any) error {
	encoder := json.NewEncoder(c.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(form)
}

// writeFound tells of a new finding when it is found.
func (c *console) writeFound(f *campaignFlags, e campaign.Event) error {
	path := corpus.PlanPath(f.dir, e.Found)
	if f.json {
		return c.writeLine(foundLine{header("finding"), e.Found.Name(), path, e.Kept, e.Found})
	}
	c.progress.clear()
	label, explained := "new", ""
	if e.Found.Cause != "" {
		label, explained = "explained", fmt.Sprintf("          known as %s: see testdata/findings\n", e.Found.Cause)
	}
	_, err := fmt.Fprintf(c.stdout, "%-9s %s\n          by seed %d: %s\n%s          replay: %s\n", label, e.Found.Name(), e.Found.Seeds[0].Seed,
		e.Found.Sentence, explained, commandLine(c.name, append([]string{"-plan", path}, f.worker.arguments()...)))
	if e.Kept != "" && err == nil {
		_, err = fmt.Fprintf(c.stdout, "          kept as it was drawn: %s\n", e.Kept)
	}
	return err
}

// writeCampaign sums up: the findings, the markers, and where it goes on.
func (c *console) writeCampaign(f *campaignFlags, kept *corpus.Corpus, state *corpus.State, result campaign.Result) error {
	if f.json {
		line := campaignLine{header("campaign"), result.Seeds, result.Elapsed.Seconds(), []string{}, []string{}, state}
		for _, finding := range kept.Findings() {
			line.Findings = append(line.Findings, finding.Name())
		}
		for _, finding := range result.New {
			line.New = append(line.New, finding.Name())
		}
		return c.writeLine(line)
	}
	if len(result.New) > 0 {
		fmt.Fprintln(c.stdout)
	}
	explained := 0
	for _, finding := range result.New {
		if finding.Cause != "" {
			explained++
		}
	}
	_, err := fmt.Fprintf(c.stdout, "%s\nseeds     %d in %.1fs: %.1f seeds/s; %d findings are new to the corpus, %d of them explained\ncorpus    %s; the next seed is %d\n",
		corpus.Summary(kept.Findings(), state), result.Seeds, result.Elapsed.Seconds(), float64(result.Seeds)/max(1e-9, result.Elapsed.Seconds()),
		len(result.New), explained, kept.Dir(), state.Next)
	return err
}

// writeReplay says of each finding whether its plan still shows it.
func (c *console) writeReplay(f *campaignFlags, all []campaign.Replayed) error {
	lost := 0
	for _, r := range all {
		path := corpus.PlanPath(f.dir, r.Finding)
		if f.json {
			if err := c.writeLine(replayLine{header("replay"), r.Finding.Name(), path, r.Shows, r.Says}); err != nil {
				return err
			}
		}
		word := "shows"
		if !r.Shows {
			word = "LOST"
			lost++
		}
		if f.json {
			continue
		}
		if _, err := fmt.Fprintf(c.stdout, "%-9s %s: %s\n", word, r.Finding.Name(), r.Says); err != nil {
			return err
		}
	}
	if f.json {
		return nil
	}
	text := "every one still shows"
	if lost > 0 {
		text = fmt.Sprintf("%d of them no longer show: what they found is fixed, or the plan lost it when the code around it changed", lost)
	}
	_, err := fmt.Fprintf(c.stdout, "\nfindings  %d: %s\n", len(all), text)
	return err
}
