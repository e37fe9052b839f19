package kubeclient

import utilruntime "k8s.io/apimachinery/pkg/util/runtime"

// Fit makes the Kubernetes libraries of this process fit for a
// testing/synctest bubble. Call it once, before the bubble.
//
// k8s.io/apimachinery/pkg/util/runtime holds back whoever handles an error less
// than a millisecond after the last one, counted from a wall clock reading
// taken when the program starts. A bubble starts in the year 2000: the first
// reflector there whose list fails would sleep until that wall clock reading,
// for decades of virtual time. The handler that logs errors stays.
func Fit() { utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1] }
