package workload

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	k8sclient "github.com/cilium/cilium/pkg/k8s/client"
)

// api makes requests until they succeed: a controller's client never gives up.
type api struct{ clients k8sclient.Clientset }

const (
	requestTimeout = 10 * time.Second
	retryDelay     = time.Second
)

// do calls request until it succeeds or fails with an error that means that it
// has its effect already.
func do(ctx context.Context, done func(error) bool, request func(context.Context) error) {
	for ctx.Err() == nil {
		rctx, cancel := context.WithTimeout(ctx, requestTimeout)
		err := request(rctx)
		cancel()
		if err == nil || done(err) {
			return
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			sleep(ctx, retryDelay)
		}
	}
}

func (a api) createNamespace(ctx context.Context, o *corev1.Namespace) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CoreV1().Namespaces().Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

func (a api) deleteNamespace(ctx context.Context, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	})
}

func (a api) createNode(ctx context.Context, o *v2.CiliumNode) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CiliumV2().CiliumNodes().Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

func (a api) deleteNode(ctx context.Context, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CiliumV2().CiliumNodes().Delete(ctx, name, metav1.DeleteOptions{})
	})
}

func (a api) createPod(ctx context.Context, o *corev1.Pod) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CoreV1().Pods(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

func (a api) deletePod(ctx context.Context, namespace, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	})
}

func (a api) createIdentity(ctx context.Context, o *v2.CiliumIdentity) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CiliumV2().CiliumIdentities().Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

func (a api) deleteIdentity(ctx context.Context, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CiliumV2().CiliumIdentities().Delete(ctx, name, metav1.DeleteOptions{})
	})
}

func (a api) writeEndpoint(ctx context.Context, o *v2.CiliumEndpoint) {
	endpoints := a.clients.CiliumV2().CiliumEndpoints(o.Namespace)
	none := func(error) bool { return false }
	do(ctx, none, func(ctx context.Context) error {
		old, err := endpoints.Get(ctx, o.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = endpoints.Create(ctx, o, metav1.CreateOptions{})
			return err
		}
		if err != nil {
			return err
		}
		o.ResourceVersion = old.ResourceVersion
		_, err = endpoints.Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
}

func (a api) deleteEndpoint(ctx context.Context, namespace, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CiliumV2().CiliumEndpoints(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// writeSlice makes the slice in the kube-apiserver what it is here: an empty one
// does not exist. It goes by the resourceVersion that it knows and reads the
// present one when that turns out wrong.
func (a api) writeSlice(ctx context.Context, s *slice) {
	slices := a.clients.CiliumV2alpha1().CiliumEndpointSlices()
	if len(s.pods) == 0 {
		do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
			return slices.Delete(ctx, s.name, metav1.DeleteOptions{})
		})
		return
	}
	o := s.object()
	known := s.isNew || s.version != ""
	none := func(error) bool { return false }
	do(ctx, none, func(ctx context.Context) error {
		if !known {
			now, err := slices.Get(ctx, s.name, metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return err
			}
			s.version = ""
			if err == nil {
				s.version = now.ResourceVersion
			}
		}
		o.ResourceVersion = s.version
		var now *v2alpha1.CiliumEndpointSlice
		var err error
		if s.version == "" {
			now, err = slices.Create(ctx, o, metav1.CreateOptions{})
		} else {
			now, err = slices.Update(ctx, o, metav1.UpdateOptions{})
		}
		known = err == nil
		if known {
			s.version, s.isNew = now.ResourceVersion, false
		}
		return err
	})
}
