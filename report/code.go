package report

import "strings"

// Code is what a worker is built from.
type Code struct {
	Cilium   string `json:"cilium"` // its version, or the directory that replaces it with the state of its git repository
	Etcd     string `json:"etcd"`
	ClientGo string `json:"clientGo"`
	Go       string `json:"go"`
	Worker   string `json:"worker"`                // its file
	Hash     string `json:"workerHash"`            // the first 8 bytes of the file's SHA-256
	Whole    bool   `json:"wholeAgents,omitempty"` // it is the worker that has whole agents
}

func (c *Code) String() string {
	if c == nil {
		return ""
	}
	parts := c.Parts()
	if c.Worker != "" {
		parts = append(parts, "worker "+c.Worker)
	}
	if c.Whole {
		parts = append(parts, "with whole agents")
	}
	return strings.Join(parts, ", ") + " (" + c.Hash + ")"
}

// Parts are what the worker is built from, with versions; its own file is not among them.
func (c *Code) Parts() (parts []string) {
	for _, part := range [][2]string{{"cilium", c.Cilium}, {"etcd", c.Etcd}, {"client-go", c.ClientGo}, {"", c.Go}} {
		if part[1] != "" {
			parts = append(parts, strings.TrimSpace(part[0]+" "+part[1]))
		}
	}
	return parts
}

// Versions are those of all parts by their names; that of the worker is its hash.
func (c *Code) Versions() map[string]string {
	return map[string]string{"cilium": c.Cilium, "etcd": c.Etcd, "client-go": c.ClientGo, "go": c.Go, "worker": c.Hash}
}
