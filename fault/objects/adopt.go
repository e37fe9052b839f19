package objects

import (
	"encoding/json"
	"strconv"
	"strings"
)

// What ClusterMesh refuses, and what takes its place. A cluster that was never
// meant for ClusterMesh has both: cluster ID 0 and the name "default".
const (
	clusterLabel  = "k8s:io.cilium.k8s.policy.cluster"
	refusedName   = "default"
	adoptedName   = "c1"
	adoptDistance = 1 << clusterIDShift // from an identity of cluster 0 to that of cluster 1
)

// moveIdentities moves the identities of an object, which has been checked, from
// the range of cluster 0 into that of cluster 1.
func moveIdentities(o object) {
	switch o.text("kind") {
	case "CiliumIdentity":
		metadata := o["metadata"].(object)
		id, _ := strconv.ParseInt(metadata.text("name"), 10, 64)
		metadata["name"] = strconv.FormatInt(id+adoptDistance, 10)
	case "CiliumEndpoint":
		moveReference(o["status"].(object)["identity"].(object))
	case "CiliumEndpointSlice":
		for _, endpoint := range o["endpoints"].([]any) {
			moveReference(endpoint.(object))
		}
	}
}

// moveReference moves the identity that an endpoint refers to, unless it is a
// reserved one, which is the same in every cluster.
func moveReference(holder object) {
	id, _ := strconv.ParseInt(holder["id"].(json.Number).String(), 10, 64)
	if id >= lowestIdentity {
		holder["id"] = json.Number(strconv.FormatInt(id+adoptDistance, 10))
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
