// Package permissions tries what each kind of client may do in the etcds of the ClusterMesh API server, when
// authentication is on as its chart has it: users and roles are made by Cilium's own code, a client is the user whom
// its certificate names, and etcd is in real time on loopback. Its test writes the table of docs/review.md (R6).
package permissions
