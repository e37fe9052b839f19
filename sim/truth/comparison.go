package truth

// Comparison counts where a view differs from the ledger. The count is kept as
// either changes, since comparing whole views time and again costs more than
// everything else in a large world: a change of the view costs the same however
// large it is, a change of the ledger costs a step for each comparison.
//
// It may be used by several goroutines.
type Comparison struct {
	l     *Ledger
	place int // among the ledger's comparisons
	wrong int
}

// claimed is what is known of one key.
type claimed struct {
	contents []owned // one an owner, by when it was claimed
	shown    []shown // by place of the comparison; as long as needed
	shows    int     // how many of them are
}

type owned struct{ owner, content string }

type shown struct {
	is      bool
	content string
}

func (at *claimed) has(content string) bool {
	for _, o := range at.contents {
		if o.content == content {
			return true
		}
	}
	return false
}

// wrong reports whether a view that shows s differs from the ledger here: it shows
// what nobody claims, or does not show what somebody does.
func (at *claimed) wrong(s shown) bool {
	if !s.is {
		return len(at.contents) > 0
	}
	return !at.has(s.content)
}

func (at *claimed) by(place int) shown {
	if place < len(at.shown) {
		return at.shown[place]
	}
	return shown{}
}

// Compare begins the comparison with a view that shows nothing yet.
func (l *Ledger) Compare() *Comparison {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Comparison{l: l, wrong: l.keys}
	for c.place < len(l.comparisons) && l.comparisons[c.place] != nil {
		c.place++
	}
	if c.place == len(l.comparisons) {
		l.comparisons = append(l.comparisons, nil)
	}
	l.comparisons[c.place] = c
	return c
}

// Show says that the view shows the entry, in place of another content if it
// showed one.
func (c *Comparison) Show(e Entry) { c.set(claimKey{e.Kind, e.Key}, shown{true, e.Value}) }

// Hide says that the view does not show an entry any more, if it ever did.
func (c *Comparison) Hide(kind, key string) { c.set(claimKey{kind, key}, shown{}) }

func (c *Comparison) set(k claimKey, now shown) {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.comparisons[c.place] != c {
		return
	}
	at := l.at(k)
	was := at.by(c.place)
	c.wrong += number(at.wrong(now)) - number(at.wrong(was))
	at.show(c.place, now, was)
	l.forget(k, at)
}

func (at *claimed) show(place int, now, was shown) {
	if !now.is && !was.is {
		return
	}
	for len(at.shown) <= place {
		at.shown = append(at.shown, shown{})
	}
	at.shown[place] = now
	at.shows += number(now.is) - number(was.is)
}

// Wrong returns how many entries are shown that nobody claims with this content,
// and how many are claimed that are not shown at all.
func (c *Comparison) Wrong() int {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	return c.wrong
}

// End ends the comparison: its view is gone. What it is told afterwards is ignored.
func (c *Comparison) End() {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.comparisons[c.place] != c {
		return
	}
	l.comparisons[c.place] = nil
	for k, at := range l.byKey {
		at.show(c.place, shown{}, at.by(c.place))
		l.forget(k, at)
	}
}

// count takes a key out of all counts (by -1), or into them (by 1): around a change
// of its claims.
func (l *Ledger) count(at *claimed, by int) {
	if len(at.contents) > 0 {
		l.keys += by
	}
	for place, c := range l.comparisons {
		if c != nil && at.wrong(at.by(place)) {
			c.wrong += by
		}
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
