package kube

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// patcher returns the change that a patch of the given media type makes. The
// libraries are those of the real kube-apiserver.
func patcher(r *Resource, mediaType string, patch []byte) (change, error) {
	apply, err := patchFunc(r, types.PatchType(mediaType), patch)
	if err != nil {
		return nil, err
	}
	return func(current *Object) (draft, error) {
		raw, err := apply(current.JSON)
		if err != nil {
			return draft{}, errUnprocessable(err)
		}
		d, err := parseDraft(raw)
		if err != nil {
			return draft{}, errUnprocessable(err)
		}
		if d.kind != r.Kind || d.apiVersion != r.apiVersion() || d.meta.Name != current.Meta.Name || d.meta.Namespace != current.Meta.Namespace {
			return draft{}, apierrors.NewBadRequest(fmt.Sprintf("a patch of %s %s cannot make it another object, %s %s", r.Kind, current.key, d.kind, r.key(d.meta.Namespace, d.meta.Name)))
		}
		return d, nil
	}, nil
}

func patchFunc(r *Resource, kind types.PatchType, patch []byte) (func(current []byte) ([]byte, error), error) {
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
		form, err := scheme.Scheme.New(r.gvk())
		if err != nil {
			return nil, unmodeled("a strategic merge patch of %s: %v", r.Kind, err)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(patch, &object); err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("the strategic merge patch is not a JSON object: %v", err))
		}
		return func(current []byte) ([]byte, error) { return strategicpatch.StrategicMergePatch(current, patch, form) }, nil
	case types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		return nil, unmodeled("server-side apply (%s)", kind)
	}
	return nil, errUnsupportedMedia(fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml; it was %q", kind))
}
