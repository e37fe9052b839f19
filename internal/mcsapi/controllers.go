// Package controllers stands in for sigs.k8s.io/mcs-api/controllers, of which
// Cilium uses this one constant and which cannot be downloaded everywhere.
package controllers

// DerivedServiceAnnotation is the annotation, fixed by the Multi-Cluster
// Services API, that names the Service derived from a ServiceImport.
const DerivedServiceAnnotation = "multicluster.kubernetes.io/derived-service"
