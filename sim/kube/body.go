package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// readBody returns the body of a request as JSON, and its media type. Clients of
// built-in kinds may send protobuf, as Cilium's do.
func readBody(r *http.Request) (body []byte, mediaType string, err error) {
	if body, err = io.ReadAll(r.Body); err != nil {
		return nil, "", apierrors.NewBadRequest(fmt.Sprintf("the body cannot be read: %v", err))
	}
	if r.Header.Get("Content-Type") == "" {
		return body, runtime.ContentTypeJSON, nil
	}
	mediaType, _, err = mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, "", errUnsupportedMedia(fmt.Sprintf("the Content-Type %q cannot be read: %v", r.Header.Get("Content-Type"), err))
	}
	if mediaType == runtime.ContentTypeProtobuf && len(body) > 0 {
		if body, err = fromProtobuf(body); err != nil {
			return nil, "", err
		}
		mediaType = runtime.ContentTypeJSON
	}
	return body, mediaType, nil
}

func fromProtobuf(body []byte) ([]byte, error) {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the protobuf body cannot be decoded: %v", err))
	}
	return storage.EncodeJSON(object), nil
}

// readObject reads the object that is created or replaced.
func readObject(r *http.Request) (storage.Draft, error) {
	body, mediaType, err := readBody(r)
	if err != nil {
		return storage.Draft{}, err
	}
	if mediaType != runtime.ContentTypeJSON && mediaType != runtime.ContentTypeProtobuf {
		return storage.Draft{}, errUnsupportedMedia(fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: application/json; it was %q", mediaType))
	}
	d, err := storage.ParseDraft(body)
	if err != nil {
		return storage.Draft{}, apierrors.NewBadRequest(err.Error())
	}
	return d, nil
}

// readDeleteOptions reads the body of a delete or, if there is none, its parameters.
func readDeleteOptions(r *http.Request, q *Request) (metav1.DeleteOptions, error) {
	var options metav1.DeleteOptions
	body, _, err := readBody(r)
	if err != nil {
		return options, err
	}
	if len(body) == 0 {
		if raw := q.query.Get("gracePeriodSeconds"); raw != "" {
			seconds, err := strconv.ParseInt(raw, 10, 64)
			if err != nil {
				return options, apierrors.NewBadRequest(fmt.Sprintf("gracePeriodSeconds=%s is no number", raw))
			}
			options.GracePeriodSeconds = &seconds
		}
		return options, nil
	}
	if err := json.Unmarshal(body, &options); err != nil {
		return options, apierrors.NewBadRequest(fmt.Sprintf("the delete options cannot be read: %v", err))
	}
	return options, checkDelete(options)
}

// checkAccept refuses clients that do not take plain JSON. Answers are always
// JSON: it is among what every Kubernetes client accepts.
func checkAccept(r *http.Request) error {
	accept := r.Header.Get("Accept")
	if accept == "" {
		return nil
	}
	for _, clause := range strings.Split(accept, ",") {
		mediaType, params, err := mime.ParseMediaType(clause)
		if err != nil || params["as"] != "" {
			continue
		}
		switch mediaType {
		case runtime.ContentTypeJSON, "application/*", "*/*":
			return nil
		}
	}
	return storage.Unmodeled("answers other than plain JSON, as in Accept: %s", accept)
}

// checkBody says whether a body fits the URL it was sent to, and completes it
// from the URL.
func checkBody(r *storage.Resource, d *storage.Draft, namespace, name string) error {
	if r.Custom && (d.Kind == "" || d.APIVersion == "") {
		return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): its kind is %q, its apiVersion %q", r.Kind, d.Kind, d.APIVersion))
	}
	if d.APIVersion != "" && d.APIVersion != r.APIVersion() || d.Kind != "" && d.Kind != r.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the body is a %s of %q, but the URL is of a %s of %q", d.Kind, d.APIVersion, r.Kind, r.APIVersion()))
	}
	if d.Meta.Namespace != "" && d.Meta.Namespace != namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object does not match the namespace sent on the request: %q, not %q", d.Meta.Namespace, namespace))
	}
	d.Meta.Namespace = namespace
	if name != "" && d.Meta.Name != name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", d.Meta.Name, name))
	}
	return nil
}

// checkDelete refuses the delete options that are not modelled.
func checkDelete(o metav1.DeleteOptions) error {
	switch {
	case len(o.DryRun) > 0:
		return storage.Unmodeled("dryRun")
	case o.PropagationPolicy != nil && *o.PropagationPolicy != metav1.DeletePropagationBackground:
		return storage.Unmodeled("propagationPolicy %s: there is no garbage collector", *o.PropagationPolicy)
	case o.OrphanDependents != nil:
		return storage.Unmodeled("orphanDependents: there is no garbage collector")
	}
	return nil
}
