// Package junit writes results in the XML of JUnit, which CI systems read.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// Suite is a suite of tests. Write counts them.
type Suite struct {
	XMLName    xml.Name   `xml:"testsuite"`
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Seconds    string     `xml:"time,attr"`
	Properties []Property `xml:"properties>property"`
	Cases      []Case     `xml:"testcase"`
}

// Property is something that is known of a suite.
type Property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// Case is a test: a failure if what it tests is broken, an error if that is not known, and
// skipped if there is nothing to test.
type Case struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *Problem `xml:"failure"`
	Error   *Problem `xml:"error"`
	Skipped *Problem `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

// Problem is why a test did not pass, in a sentence and at length.
type Problem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Add adds what is known of the suite, unless it is empty.
func (s *Suite) Add(name, value string) {
	if value != "" {
		s.Properties = append(s.Properties, Property{name, value})
	}
}

// Write writes the suite, which took so long.
func (s *Suite) Write(w io.Writer, took time.Duration) error {
	s.Tests, s.Failures, s.Errors, s.Seconds = len(s.Cases), 0, 0, fmt.Sprintf("%.3f", took.Seconds())
	for i := range s.Cases {
		switch c := &s.Cases[i]; {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", " ")
	if err := encoder.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
