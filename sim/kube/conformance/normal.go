package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// names are what versions, UIDs and continue tokens are called: by the steps whose
// answers had them first. Two servers give out different ones.
type names struct {
	first    []named           // versions that are an answer's own, ascending
	versions map[string]int64  // by step
	steps    map[string]string // by UID
	uidOf    map[string]string // by step
	nameOf   map[string]string // by step
	tokens   map[string]string // by step
}

type named struct {
	step string
	rv   int64
}

func newNames() names {
	return names{versions: map[string]int64{}, steps: map[string]string{}, uidOf: map[string]string{}, nameOf: map[string]string{}, tokens: map[string]string{}}
}

// learn takes versions, UIDs and tokens from an answer.
func (n *names) learn(step string, raw []byte) {
	var o struct {
		Kind     string
		Metadata struct{ ResourceVersion, UID, Name, Continue string }
	}
	if json.Unmarshal(raw, &o) != nil {
		return
	}
	if rv, err := strconv.ParseInt(o.Metadata.ResourceVersion, 10, 64); err == nil {
		n.versions[step] = rv
		at := sort.Search(len(n.first), func(i int) bool { return n.first[i].rv >= rv })
		if known := at < len(n.first) && n.first[at].rv == rv; !known && !strings.HasSuffix(o.Kind, "List") && o.Kind != "Table" {
			n.first = append(n.first, named{})
			copy(n.first[at+1:], n.first[at:])
			n.first[at] = named{step, rv}
		}
	}
	if uid := o.Metadata.UID; uid != "" && n.steps[uid] == "" {
		n.steps[uid], n.uidOf[step] = step, uid
	}
	if o.Metadata.Name != "" {
		n.nameOf[step] = o.Metadata.Name
	}
	if o.Metadata.Continue != "" {
		n.tokens[step] = o.Metadata.Continue
	}
}

// version names a version: by its step, or as after the last step before it. That
// of a collection, which other writes move, is only placed.
func (n *names) version(rv int64, collection bool) string {
	at := sort.Search(len(n.first), func(i int) bool { return n.first[i].rv > rv }) - 1
	switch {
	case rv <= 1:
		return strconv.FormatInt(rv, 10)
	case at < 0:
		return "$before-all"
	case at == len(n.first)-1 && rv > n.first[at].rv+100000:
		return "$future"
	case collection:
		return "~$" + n.first[at].step
	case n.first[at].rv == rv:
		return "$" + n.first[at].step
	}
	return "after($" + n.first[at].step + ")"
}

var (
	number  = regexp.MustCompile(`\b\d{2,}\b`)
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	madeUp  = regexp.MustCompile(`\bgen-[a-z0-9]{5}\b`)
	stamp   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	address = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
)

// text is a text of a server without versions, UIDs and times.
func (n *names) text(s string) string {
	s = madeUp.ReplaceAllString(n.uids(s), "gen-xxxxx")
	s = stamp.ReplaceAllString(s, "TS")
	s = address.ReplaceAllStringFunc(s, func(ip string) string { return strings.ReplaceAll(ip, ".", "․") })
	return number.ReplaceAllStringFunc(s, func(digits string) string {
		rv, err := strconv.ParseInt(digits, 10, 64)
		at := sort.Search(len(n.first), func(i int) bool { return n.first[i].rv >= rv })
		if err != nil || at == len(n.first) || n.first[at].rv != rv {
			return digits
		}
		return "$" + n.first[at].step
	})
}

func (n *names) uids(s string) string {
	return uuid.ReplaceAllStringFunc(s, func(uid string) string {
		if step, ok := n.steps[uid]; ok {
			return "uid:" + step
		}
		return "uid:?"
	})
}

// compared are the headers that are compared: the others are of a process, not of the API.
var compared = []string{"Content-Type", "Retry-After", "Warning", "Allow", "Content-Encoding", "X-Content-Type-Options", "Location"}

func (n *names) headers(h http.Header) map[string]string {
	out := map[string]string{}
	for _, name := range compared {
		if v := h.Values(name); len(v) > 0 {
			out[name] = n.text(strings.Join(v, " | "))
		}
	}
	return out
}

// normal is a JSON value without what no two servers share.
func (n *names) normal(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			s, _ := e.(string)
			switch {
			case k == "resourceVersion" && strings.HasSuffix(path, "metadata"):
				out[k] = e
				if rv, err := strconv.ParseInt(s, 10, 64); err == nil {
					_, object := v["name"]
					out[k] = n.version(rv, !object)
				}
			case k == "continue":
				out[k] = n.token(s)
			default:
				out[k] = n.normal(path+"."+k, e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = n.normal(path, v[i])
		}
		return out
	case string:
		switch {
		case len(v) > 1000:
			return fmt.Sprintf("%d characters", len(v))
		case strings.HasSuffix(path, "Timestamp"), strings.HasSuffix(path, ".managedFields.time"):
			return "TS"
		case strings.HasSuffix(path, ".message"):
			return n.text(v)
		}
		return madeUp.ReplaceAllString(n.uids(v), "gen-xxxxx")
	}
	return v
}

// token is what a continue token says.
func (n *names) token(s string) string {
	if s == "" {
		return "empty"
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) == 0 {
		return s
	}
	return tokenVersion.ReplaceAllStringFunc(string(raw), func(s string) string {
		rv, err := strconv.ParseInt(tokenVersion.FindStringSubmatch(s)[1], 10, 64)
		if err != nil {
			return s
		}
		return `"rv":` + n.version(rv, true)
	})
}

var tokenVersion = regexp.MustCompile(`"rv":(\d+)`)
