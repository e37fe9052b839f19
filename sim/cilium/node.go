package cilium

import _ "unsafe" // for go:linkname

// NodeName are where Cilium keeps the name of the process's node, alone and with that of
// its cluster: whoever runs several agents in a process exchanges them.
func NodeName() (name, absolute *string) { return &nodeName, &absoluteNodeName }

//go:linkname nodeName github.com/cilium/cilium/pkg/node/types.nodeName
var nodeName string

//go:linkname absoluteNodeName github.com/cilium/cilium/pkg/node/types.absoluteNodeName
var absoluteNodeName string
