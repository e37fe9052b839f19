package planted

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/meshcheck/meshcheck/checker"
	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/model/mode"
	"github.com/meshcheck/meshcheck/model/schema"
)

// Catch is what must be broken, and what the violation must say for it to be this bug
// that broke it: its data, not its sentence. What is left out fits everything, but for
// the kind.
type Catch struct {
	Property string   `yaml:"property"`
	Kind     string   `yaml:"kind,omitempty"` // of the object, as the property's violations have it; none for a property without
	Rules    []string `yaml:"rules"`          // of the property, one of which is broken: simrun properties lists them

	Agent  string `yaml:"agent,omitempty"`  // whether it is an agent's view or datapath: property.View or property.Datapath
	Client string `yaml:"client,omitempty"` // the role of who asked: a role's letter
	Server string `yaml:"server,omitempty"` // the role of who answered
	Key    string `yaml:"key,omitempty"`    // of the object

	Shown struct { // the version or act that breaks it
		Op  string `yaml:"op,omitempty"`
		Key string `yaml:"key,omitempty"`
	} `yaml:"shown,omitempty"`
	Differs struct { // an entry that is not as it must be: of one of these ways and kinds
		How   []string `yaml:"how,omitempty"`
		Kinds []string `yaml:"kinds,omitempty"`
	} `yaml:"differs,omitempty"`
}

// String says what the bug must break.
func (c *Catch) String() string {
	entry := ""
	if len(c.Differs.How) > 0 {
		entry = " " + strings.Join(c.Differs.How, " or ")
	}
	if len(c.Differs.Kinds) > 0 {
		entry += " of kind " + strings.Join(c.Differs.Kinds, " or ")
	}
	var more []string
	for _, f := range []struct{ name, value string }{
		{"in an agent's ", c.Agent}, {"client ", c.Client}, {"server ", c.Server}, {"key ", c.Key},
		{"shown ", strings.TrimSpace(c.Shown.Op + " " + c.Shown.Key)}, {"with an entry", entry},
	} {
		if f.value != "" {
			more = append(more, f.name+f.value)
		}
	}
	text := c.Property
	if c.Kind != "" {
		text += " of " + c.Kind
	}
	text += ": " + strings.Join(c.Rules, " or ")
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

func (c *Catch) validate() error {
	var properties []string
	var rules []string
	for _, p := range checker.Properties() {
		properties = append(properties, p.Name)
		if p.Name == c.Property {
			for _, rule := range p.Rules {
				rules = append(rules, rule.Name)
			}
		}
	}
	kinds := append(schema.KindNames(), schema.Meta)
	ways := []string{property.Missing, property.Extra, property.Different}
	layers := []string{string(property.View), string(property.Datapath)}
	var roles []string
	for _, r := range mode.Roles() {
		roles = append(roles, string(r))
	}
	among := func(field string, values, of []string) error {
		for _, value := range values {
			if value != "" && !slices.Contains(of, value) {
				return fmt.Errorf("catch.%s %q: want one of %s", field, value, strings.Join(of, ", "))
			}
		}
		return nil
	}
	switch {
	case !slices.Contains(properties, c.Property):
		return fmt.Errorf("catch.property %q: want one of %s", c.Property, strings.Join(properties, ", "))
	case c.Kind != "" && !slices.Contains(kinds, c.Kind) && !kubeKind.MatchString(c.Kind):
		return fmt.Errorf("catch.kind %q: want one of %s, a Kubernetes kind such as CiliumNode, or none", c.Kind, strings.Join(kinds, ", "))
	case len(c.Rules) == 0:
		return fmt.Errorf("catch.rules: want at least one of %s", strings.Join(rules, ", "))
	}
	return errors.Join(among("rules", c.Rules, rules), among("agent", []string{c.Agent}, layers), among("client", []string{c.Client}, roles),
		among("server", []string{c.Server}, roles), among("differs.how", c.Differs.How, ways), among("differs.kinds", c.Differs.Kinds, kinds))
}

// about tells whether a violation is of the kind of object that the bug must break, which is any if
// none is said.
func (c *Catch) about(v *checker.Violation) bool { return c.Kind == "" || v.Kind == c.Kind }

// fits tells whether a violation of the property is what the bug must break, whatever
// explains it.
func (c *Catch) fits(v *checker.Violation) bool {
	if !c.about(v) || !slices.Contains(c.Rules, v.Rule.Name) {
		return false
	}
	has := func(want, is string) bool { return want == "" || want == is }
	role := func(want, host string) bool { return want == "" || mode.Role(want).Is(host) }
	if !has(c.Agent, string(v.Layer)) || !role(c.Client, v.Client) || !role(c.Server, v.Server) || !has(c.Key, v.Key) {
		return false
	}
	if v.Shown == nil && (c.Shown.Op != "" || c.Shown.Key != "") || v.Shown != nil && (!has(c.Shown.Op, v.Shown.Op) || !has(c.Shown.Key, v.Shown.Key)) {
		return false
	}
	among := func(all []string, is string) bool { return len(all) == 0 || slices.Contains(all, is) }
	return len(c.Differs.How)+len(c.Differs.Kinds) == 0 || slices.ContainsFunc(v.Differences, func(d property.Difference) bool {
		return among(c.Differs.How, d.How) && among(c.Differs.Kinds, d.Kind)
	})
}
