package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshcheck/meshcheck/internal/strictjson"
)

// Duration is a length of virtual time, or an instant as the time since the
// start of a phase. Its text form is seconds from one second on ("125.3s"), so
// that instants line up and sort, and the form of time.Duration below ("200us").
type Duration time.Duration

// ParseDuration reads the forms that time.ParseDuration reads ("1m30s", "250ms").
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s is not a duration: write a number and a unit, such as \"12.5s\" or \"250ms\"", strictjson.Quote(text))
	}
	return Duration(d), nil
}

// Std returns the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the text form, in ASCII.
func (d Duration) String() string {
	std := time.Duration(d)
	if std > -time.Second && std < time.Second {
		return strings.Replace(std.String(), "µ", "u", 1)
	}
	nanos := std % time.Second
	text := strconv.FormatInt(int64(std/time.Second), 10)
	if nanos != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", nanos.Abs()), "0")
	}
	return text + "s"
}

// MarshalText returns the text form; JSON shows it as a string.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes, and every form of ParseDuration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}
