package kube

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// patcher returns the change that a patch of the given media type makes. The
// libraries are those of the real kube-apiserver.
func patcher(r *storage.Resource, mediaType string, patch []byte) (storage.Change, error) {
	apply, err := patchFunc(r, types.PatchType(mediaType), patch)
	if err != nil {
		return nil, err
	}
	return func(current *storage.Object) (storage.Draft, error) {
		raw, err := apply(current.JSON)
		if err != nil {
			return storage.Draft{}, errUnprocessable(err)
		}
		d, err := storage.ParseDraft(raw)
		if err != nil {
			return storage.Draft{}, errUnprocessable(err)
		}
		if d.Kind != r.Kind || d.APIVersion != r.APIVersion() || d.Meta.Name != current.Meta.Name || d.Meta.Namespace != current.Meta.Namespace {
			return storage.Draft{}, apierrors.NewBadRequest(fmt.Sprintf("a patch of %s %s cannot make it another object, %s %s", r.Kind, current.Key(), d.Kind, r.Key(d.Meta.Namespace, d.Meta.Name)))
		}
		return d, nil
	}, nil
}

func patchFunc(r *storage.Resource, kind types.PatchType, patch []byte) (func(current []byte) ([]byte, error), error) {
	switch kind {
	case types.JSONPatchType:
		decoded, err := jsonpatch.DecodePatch(patch)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("the JSON patch cannot be read: %v", err))
		}
		return decoded.Apply, nil
	case types.MergePatchType:
		var object map[string]json.RawMessage
		if err := json.Unmarshal(patch, &object); err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("the merge patch is not a JSON object: %v", err))
		}
		return func(current []byte) ([]byte, error) { return jsonpatch.MergePatch(current, patch) }, nil
	case types.StrategicMergePatchType:
		if r.Custom {
			return nil, errUnsupportedMedia("the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")
		}
		form, err := scheme.Scheme.New(r.GVK())
		if err != nil {
			return nil, storage.Unmodeled("a strategic merge patch of %s: %v", r.Kind, err)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(patch, &object); err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("the strategic merge patch is not a JSON object: %v", err))
		}
		return func(current []byte) ([]byte, error) { return strategicpatch.StrategicMergePatch(current, patch, form) }, nil
	case types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		return nil, storage.Unmodeled("server-side apply (%s)", kind)
	}
	return nil, errUnsupportedMedia(fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml; it was %q", kind))
}
