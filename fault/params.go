package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// A param is a number of a fault beside its time, hosts and length.
type param struct {
	name string // of the field in the file form
	unit unit
	at   func(*Fault) *int64 // nil if the field is not an int64 underneath
	num  func(*Fault) *int
	word func(*Fault) *string // one of words
	flag func(*Fault) *bool
}

type unit int

const (
	duration unit = iota
	number
	percent
	bytesPerSecond
	httpStatus
	kubeKind
	yesNo
)

var (
	lag        = param{name: "lag", unit: duration, at: func(f *Fault) *int64 { return (*int64)(&f.Lag) }}
	delay      = param{name: "delay", unit: duration, at: func(f *Fault) *int64 { return (*int64)(&f.Delay) }}
	ahead      = param{name: "ahead", unit: duration, at: func(f *Fault) *int64 { return (*int64)(&f.Ahead) }}
	retryAfter = param{name: "retryAfter", unit: duration, at: func(f *Fault) *int64 { return (*int64)(&f.RetryAfter) }}
	share      = param{name: "share", unit: percent, num: func(f *Fault) *int { return &f.Share }}
	code       = param{name: "code", unit: httpStatus, num: func(f *Fault) *int { return &f.Code }}
	bandwidth  = param{name: "bandwidth", unit: bytesPerSecond, num: func(f *Fault) *int { return &f.Bandwidth }}
	replicas   = param{name: "count", unit: number, num: func(f *Fault) *int { return &f.Count }}
	resource   = param{name: "resource", unit: kubeKind, word: func(f *Fault) *string { return &f.Resource }}
	oneWay     = param{name: "oneWay", unit: yesNo, flag: func(f *Fault) *bool { return &f.OneWay }}
	empty      = param{name: "empty", unit: yesNo, flag: func(f *Fault) *bool { return &f.Empty }}

	clusterID = param{name: "clusterID", unit: number, num: func(f *Fault) *int { return &f.ClusterID }}
	applied   = param{name: "applied", unit: yesNo, flag: func(f *Fault) *bool { return &f.Applied }}

	params = []param{lag, delay, ahead, retryAfter, share, code, bandwidth, replicas, clusterID, resource, oneWay, empty, applied}
)

// noWord is the value of a word that is none of those that there are.
const noWord = -1

// Get returns the param's value in a fault: of a word its place among all, from 1.
func (p param) Get(f *Fault) int64 {
	switch {
	case p.at != nil:
		return *p.at(f)
	case p.num != nil:
		return int64(*p.num(f))
	case p.word != nil && *p.word(f) != "":
		if i := slices.Index(kubeKinds, *p.word(f)); i >= 0 {
			return int64(i + 1)
		}
		return noWord
	case p.word != nil:
		return 0
	case *p.flag(f):
		return 1
	}
	return 0
}

// Set gives the param a value in a fault.
func (p param) Set(f *Fault, value int64) {
	switch {
	case p.at != nil:
		*p.at(f) = value
	case p.num != nil:
		*p.num(f) = int(value)
	case p.word != nil:
		*p.word(f) = p.text(value)
	default:
		*p.flag(f) = value != 0
	}
}

func (p param) text(value int64) string {
	switch p.unit {
	case kubeKind:
		if value == 0 {
			return ""
		}
		return kubeKinds[value-1]
	case duration:
		return Duration(value).String()
	case percent:
		return strconv.FormatInt(value, 10) + " %"
	case bytesPerSecond:
		return strconv.FormatInt(value, 10) + " bytes/s"
	}
	return strconv.FormatInt(value, 10)
}

// A Use is a param of a kind of fault: the values that it may have, from least to
// most, and those that are drawn.
type Use struct {
	param
	optional    bool // may be left out, which is zero
	least, most int64
	draw        []int64 // two values and all between them in steps, or more than two to choose from
}

// Name is that of the field in the file form.
func (u Use) Name() string { return u.name }

// Drawn returns the values that are drawn, each as likely as another: durations below a
// second in milliseconds, and others in whole seconds.
func (u Use) Drawn() []int64 {
	if len(u.draw) != 2 {
		return u.draw
	}
	low, high := u.draw[0], u.draw[1]
	const steps = 100
	step := max(1, (high-low)/steps)
	if u.unit == duration && high > int64(10*second) {
		step = int64(second)
	}
	var values []int64
	for value := low; value <= high; value += step {
		values = append(values, value)
	}
	return values
}

// between is a use that is drawn evenly from low to high in a hundred steps.
func (p param) between(least, most, low, high int64) Use {
	return Use{param: p, least: least, most: most, draw: []int64{low, high}}
}

// among is a use that is one of a few values.
func (p param) among(values ...int64) Use {
	return Use{param: p, least: values[0], most: values[len(values)-1], draw: values}
}

// ofKinds is a use of the name of one of some Kubernetes kinds, or of none as often as of
// any.
func (p param) ofKinds(names ...string) Use {
	u := Use{param: p, optional: true, least: 1, most: int64(len(kubeKinds))}
	for _, name := range names {
		u.draw = append(u.draw, 0, int64(slices.Index(kubeKinds, name)+1))
	}
	return u
}

// maybe is a use of a yes or no.
func (p param) maybe() Use {
	return Use{param: p, optional: true, least: 1, most: 1, draw: []int64{0, 1}}
}

// orNone allows the param to be left out.
func (u Use) orNone() Use {
	u.optional = true
	return u
}

// check returns what is wrong with the param's value in a fault.
func (u Use) check(path string, f *Fault) *flaw {
	value := u.Get(f)
	switch {
	case value == 0 && u.optional:
		return nil
	case value == noWord:
		return flawf(path+"."+u.name, "found %s; want one of %s", strictjson.Quote(*u.word(f)), strings.Join(kubeKinds, ", "))
	case value == 0:
		return flawf(path+"."+u.name, "a %s needs it: want %s to %s", f.Kind, u.text(u.least), u.text(u.most))
	case value < u.least || value > u.most:
		return flawf(path+"."+u.name, "found %s; want %s to %s", u.text(value), u.text(u.least), u.text(u.most))
	case u.unit == httpStatus && !u.lists(value):
		return flawf(path+"."+u.name, "found %d; want one of %s", value, u.values())
	}
	return nil
}

func (u Use) lists(value int64) bool {
	for _, v := range u.draw {
		if v == value {
			return true
		}
	}
	return false
}

func (u Use) values() string {
	texts := make([]string, len(u.draw))
	for i, v := range u.draw {
		texts[i] = u.text(v)
	}
	return strings.Join(texts, ", ")
}

// describe says what values the param may have, for the reference.
func (u Use) describe() string {
	text := u.name
	switch {
	case u.unit == yesNo:
		return text + " (optional)"
	case u.unit == httpStatus:
		text += " " + u.values()
	case u.unit == kubeKind:
		text += " " + strings.Join(kubeKinds, ", ")
	default:
		text += fmt.Sprintf(" %s to %s", u.text(u.least), u.text(u.most))
	}
	if u.optional {
		text += " (optional)"
	}
	return text
}
