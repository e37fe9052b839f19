package fault

import "math/bits"

// MaxConnectedClusters returns the value of Cilium's setting of that name under which a
// cluster can have an ID: 255, the default, or 511, the only other one.
func MaxConnectedClusters(clusterID int) int {
	if clusterID > 255 {
		return MostClusters
	}
	return 255
}

// MostClusters is the highest ID of a cluster.
const MostClusters = 511

// IdentityShift returns where the cluster ID begins in the number of an identity. It is on
// top of the number's 24 bits, and takes as many as MaxConnectedClusters needs.
func IdentityShift(clusterID int) int {
	return 24 - bits.Len(uint(MaxConnectedClusters(clusterID)))
}
