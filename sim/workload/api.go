package workload

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"

	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	v2alpha1 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2alpha1"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2"
	ciliumv2alpha1 "github.com/cilium/cilium/pkg/k8s/client/clientset/versioned/typed/cilium.io/v2alpha1"
)

// Client is a client of the kube-apiservers.
type Client interface {
	CoreV1() corev1client.CoreV1Interface
	DiscoveryV1() discoveryv1client.DiscoveryV1Interface
	CiliumV2() ciliumv2.CiliumV2Interface
	CiliumV2alpha1() ciliumv2alpha1.CiliumV2alpha1Interface
}

// api makes requests until they succeed: a controller's client never gives up.
type api struct{ clients Client }

const (
	requestTimeout = 10 * time.Second
	retryDelay     = time.Second
)

// do calls request until it succeeds or fails with an error that means that it
// has its effect already, or never will: a namespace that is being deleted takes nothing new.
func do(ctx context.Context, done func(error) bool, request func(context.Context) error) {
	for ctx.Err() == nil {
		rctx, cancel := context.WithTimeout(ctx, requestTimeout)
		err := request(rctx)
		cancel()
		if err == nil || done(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
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

// finishNamespace ends a namespace that is deleted, and empty, as the namespace controller does.
func (a api) finishNamespace(ctx context.Context, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		namespaces := a.clients.CoreV1().Namespaces()
		o, err := namespaces.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		o.Spec.Finalizers = nil
		_, err = namespaces.Finalize(ctx, o, metav1.UpdateOptions{})
		return err
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

// updateNode makes the node in the kube-apiserver what o is.
func (a api) updateNode(ctx context.Context, o *v2.CiliumNode) {
	v := unknown
	write(ctx, a.clients.CiliumV2().CiliumNodes(), o, &v)
}

// globalAnnotation on a namespace says whether agents of other clusters see what is in it
// (Cilium: pkg/annotation, GlobalNamespace).
const globalAnnotation = "clustermesh.cilium.io/global"

// annotateNamespace gives the namespace that annotation, or takes it away.
func (a api) annotateNamespace(ctx context.Context, name string, global *string) {
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]*string{globalAnnotation: global}}})
	if err != nil {
		panic(err) // it is made of strings
	}
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		_, err := a.clients.CoreV1().Namespaces().Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{})
		return err
	})
}

// createPod reports whether a request was not answered: a kube-apiserver may still serve it.
func (a api) createPod(ctx context.Context, o *corev1.Pod) (unanswered bool) {
	do(ctx, apierrors.IsAlreadyExists, func(ctx context.Context) error {
		_, err := a.clients.CoreV1().Pods(o.Namespace).Create(ctx, o, metav1.CreateOptions{})
		unanswered = unanswered || err != nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown
		return err
	})
	return unanswered
}

// runPod writes what the kubelet writes when the pod's containers run. It returns the UID of
// the pod, or "" if there is none.
func (a api) runPod(ctx context.Context, p *pod) types.UID {
	return a.patchPod(ctx, p, map[string]any{"status": p.runningStatus()}, "status")
}

func (a api) relabelPod(ctx context.Context, p *pod, app string) {
	a.patchPod(ctx, p, map[string]any{"metadata": map[string]any{"labels": map[string]string{"app": app}}})
}

func (a api) patchPod(ctx context.Context, p *pod, patch any, subresources ...string) (uid types.UID) {
	data, err := json.Marshal(patch)
	if err != nil {
		panic(err) // it is made of strings
	}
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		patched, err := a.clients.CoreV1().Pods(p.namespace).Patch(ctx, p.name, types.MergePatchType, data, metav1.PatchOptions{}, subresources...)
		if err == nil {
			uid = patched.UID
		}
		return err
	})
	return uid
}

// endPod asks for a pod's end, which its kubelet is then to bring about.
func (a api) endPod(ctx context.Context, p *pod) {
	a.deletePod(ctx, p, metav1.DeleteOptions{})
}

// deleteEnded deletes a pod whose containers have ended, as the kubelet does.
func (a api) deleteEnded(ctx context.Context, p *pod) {
	a.deletePod(ctx, p, *metav1.NewDeleteOptions(0))
}

// deletePod deletes a pod: a request that comes late deletes no other pod of the name.
func (a api) deletePod(ctx context.Context, p *pod, only metav1.DeleteOptions) {
	if p.uid != "" {
		only.Preconditions = metav1.NewUIDPreconditions(string(p.uid))
	}
	gone := func(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }
	do(ctx, gone, func(ctx context.Context) error {
		return a.clients.CoreV1().Pods(p.namespace).Delete(ctx, p.name, only)
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

func (a api) writeEndpoint(ctx context.Context, p *pod) {
	write(ctx, a.clients.CiliumV2().CiliumEndpoints(p.namespace), p.endpoint(), &p.version)
}

func (a api) deleteEndpoint(ctx context.Context, namespace, name string) {
	do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
		return a.clients.CiliumV2().CiliumEndpoints(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	})
}

// writeSlice makes the slice in the kube-apiserver what it is here: an empty one
// does not exist.
func (a api) writeSlice(ctx context.Context, o *v2alpha1.CiliumEndpointSlice, v *version) {
	slices := a.clients.CiliumV2alpha1().CiliumEndpointSlices()
	if len(o.Endpoints) == 0 {
		do(ctx, apierrors.IsNotFound, func(ctx context.Context) error {
			return slices.Delete(ctx, o.Name, metav1.DeleteOptions{})
		})
		return
	}
	write(ctx, slices, o, v)
}

// version is the resourceVersion of an object as far as this client knows.
type version string

const (
	unknown version = ""
	absent  version = "absent"
)

// kindClient is the part of a typed client that write needs.
type kindClient[T any] interface {
	Get(context.Context, string, metav1.GetOptions) (T, error)
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
}

// write makes the object in the kube-apiserver what o is. It goes by the version
// that it knows and reads the present one when that turns out wrong.
func write[T metav1.Object](ctx context.Context, c kindClient[T], o T, v *version) {
	none := func(error) bool { return false }
	do(ctx, none, func(ctx context.Context) error {
		if *v == unknown {
			now, err := c.Get(ctx, o.GetName(), metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				*v = absent
			case err != nil:
				return err
			default:
				*v = version(now.GetResourceVersion())
			}
		}
		var now T
		var err error
		if *v == absent {
			o.SetResourceVersion("")
			now, err = c.Create(ctx, o, metav1.CreateOptions{})
		} else {
			o.SetResourceVersion(string(*v))
			now, err = c.Update(ctx, o, metav1.UpdateOptions{})
		}
		*v = unknown
		if err == nil {
			*v = version(now.GetResourceVersion())
		}
		return err
	})
}
