package objects

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
)

// What ClusterMesh refuses, and what takes its place. A cluster that was never
// meant for ClusterMesh has both: cluster ID 0 and the name "default".
const (
	clusterLabel = "k8s:io.cilium.k8s.policy.cluster"
	refusedName  = "default"
	adoptedName  = "c1"
)

// wideShift is where the cluster ID begins in the numbers of a cluster whose ID is above 255.
var wideShift = fault.IdentityShift(fault.MostClusters)

// tooWide reports whether identities whose numbers say a cluster are not where Cilium has
// those of that cluster: the ID is above 255, but stands where those up to 255 do.
func (l *loader) tooWide(cluster int64) bool { return l.shift > fault.IdentityShift(int(cluster)) }

// adopt moves the identities, if Cilium would refuse their numbers, to where it has them.
func (l *loader) adopt() {
	from := l.cluster << l.shift
	switch {
	case l.cluster == 0:
		l.cluster = 1
	case !l.tooWide(l.cluster):
		return
	}
	l.summary.Moved = l.cluster<<fault.IdentityShift(int(l.cluster)) - from
	for _, o := range l.objects {
		moveIdentities(o, l.summary.Moved)
	}
}

// moveIdentities moves the identities of an object, which has been checked.
func moveIdentities(o object, distance int64) {
	switch o.text("kind") {
	case "CiliumIdentity":
		metadata := o["metadata"].(object)
		id, _ := strconv.ParseInt(metadata.text("name"), 10, 64)
		metadata["name"] = strconv.FormatInt(id+distance, 10)
	case "CiliumEndpoint":
		moveReference(o["status"].(object)["identity"].(object), distance)
	case "CiliumEndpointSlice":
		for _, endpoint := range o["endpoints"].([]any) {
			moveReference(endpoint.(object), distance)
		}
	}
}

// moveReference moves the identity that an endpoint refers to, unless it is a
// reserved one, which is the same in every cluster.
func moveReference(holder object, distance int64) {
	id, _ := strconv.ParseInt(holder["id"].(json.Number).String(), 10, 64)
	if id >= lowestIdentity {
		holder["id"] = json.Number(strconv.FormatInt(id+distance, 10))
	}
}

// renameCluster replaces the refused name of the cluster in the labels of an
// object.
func renameCluster(o object) {
	switch o.text("kind") {
	case "CiliumIdentity":
		o["security-labels"].(object)[clusterLabel] = adoptedName
	case "CiliumEndpoint":
		labels, _ := o["status"].(object)["identity"].(object)["labels"].([]any)
		for i, label := range labels {
			if text, _ := label.(string); strings.HasPrefix(text, clusterLabel+"=") {
				labels[i] = clusterLabel + "=" + adoptedName
			}
		}
	}
}
