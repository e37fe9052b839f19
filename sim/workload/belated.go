package workload

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// belatedAfter is how long after the heal what a kube-apiserver had kept back has been served.
const belatedAfter = time.Second

// createPodObject creates a pod's object. Where a request was not answered, a kube-apiserver that was paused
// may serve it when the pod has come and gone: then there is a pod that nobody wants, which the
// controller of its kind deletes, and here those who care for the cluster.
func (w *Workload) createPodObject(ctx context.Context, a api, p *pod) {
	if !a.createPod(ctx, p.object()) || w.cfg.Healed == nil {
		return
	}
	w.running.Go(func() {
		select {
		case <-w.cfg.Healed:
			sleep(ctx, belatedAfter)
			w.deleteUnwanted(ctx, p.podKey)
		case <-ctx.Done():
		}
	})
}

// deleteUnwanted deletes the pod of a name, if by the plan there is none. Whoever still is about to
// make or end a pod of that name sees to it.
func (w *Workload) deleteUnwanted(ctx context.Context, key podKey) {
	for task := w.lastOf(podObject(key)); task != nil; task = w.lastOf(podObject(key)) {
		select {
		case <-task.done:
		case <-ctx.Done():
			return
		}
	}
	w.mu.Lock()
	wanted := w.cluster.pods[key] != nil
	w.mu.Unlock()
	if wanted {
		return
	}
	a, unwanted := w.client(""), &pod{podKey: key}
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		var is *corev1.Pod
		is, err := a.clients.CoreV1().Pods(key.namespace).Get(ctx, key.name, metav1.GetOptions{})
		if err == nil {
			unwanted.uid = is.UID
		}
		return err
	})
	if unwanted.uid != "" {
		a.deleteEnded(ctx, unwanted)
	}
}

// lastOf returns the last task of an object, if it is not done.
func (w *Workload) lastOf(o object) *task {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[o]
}
