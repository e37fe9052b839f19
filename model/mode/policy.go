package mode

// Policy is how, in a handover, an agent's two sources make one view.
type Policy string

// The policies. The zero value is that of the abstract mesh, where both sources feed the view
// unless the repair Cutover is there.
const (
	// ByCutover: one source at a time feeds the view. It is the usual one, as the proposal has
	// agents "switch over" from CRDs once the etcd can be reached.
	ByCutover Policy = "cutover"
	// ByMerge: both feed it, through a layer that keeps what each of them says, and in which
	// the etcd takes precedence once it is read in full.
	ByMerge Policy = "merge"
	// ByPrecedence: both feed one ipcache and one identity cache, and what counts is left to
	// Cilium's precedence of sources.
	ByPrecedence Policy = "precedence"
)

// Policies returns all policies, the usual one first.
func Policies() []Policy { return []Policy{ByCutover, ByMerge, ByPrecedence} }

// With returns the mode of a world with a policy, or if it is "" with the usual one. Other
// modes than a handover have none.
func (m Mode) With(p Policy) Mode {
	switch {
	case m.Base != Handover:
		p = ""
	case p == "":
		p = ByCutover
	}
	m.Policy = p
	return m
}

// Chosen is the policy as a plan says it: nothing for the usual one.
func (m Mode) Chosen() Policy {
	if m.Policy == ByCutover {
		return ""
	}
	return m.Policy
}

// HandsOver reports whether agents have two sources, of which one takes the other's place.
func (m Mode) HandsOver() bool { return m.Base == Handover }
