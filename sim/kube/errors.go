package kube

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Messages of the real kube-apiserver that clients and people know.
const (
	messageModified        = "the object has been modified; please apply your changes to the latest version and try again"
	messageListExpired     = "The resourceVersion for the provided list is too old."
	messageContinueExpired = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)

// unmodeledError is a request that a real kube-apiserver answers and this one does not.
type unmodeledError struct{ what string }

func (e *unmodeledError) Error() string {
	return "not modelled by meshcheck's kube-apiserver: " + e.what
}

func unmodeled(format string, args ...any) error {
	return &unmodeledError{fmt.Sprintf(format, args...)}
}

// statusOf returns the Status that tells a client of an error.
func statusOf(err error) metav1.Status {
	var api apierrors.APIStatus
	if errors.As(err, &api) {
		status := api.Status()
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		return status
	}
	code := int32(http.StatusInternalServerError)
	if _, ok := err.(*unmodeledError); ok {
		code = http.StatusNotImplemented
	}
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure,
		Message:  err.Error(),
		Code:     code,
	}
}

func errNoResource() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Reason:  metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource",
		Details: &metav1.StatusDetails{},
		Code:    http.StatusNotFound,
	}}
}

// errTooLargeVersion: the cache has not reached the version in time.
func errTooLargeVersion(wanted, current int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", wanted, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type:    metav1.CauseTypeResourceVersionTooLarge,
		Message: "Too large resource version",
	}}
	return err
}

// errWatchExpired: the cache no longer knows what happened since the version.
func errWatchExpired(wanted, oldest int64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", wanted, oldest))
}

// errContinueExpired carries the token with which a client may go on in the
// present, giving up consistency.
func errContinueExpired(start string) error {
	err := apierrors.NewResourceExpired(messageContinueExpired)
	err.ErrStatus.ListMeta.Continue = continueToken{RV: -1, Start: start}.encode()
	return err
}

func errUnsupportedMedia(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Reason:  metav1.StatusReasonUnsupportedMediaType,
		Message: message,
		Code:    http.StatusUnsupportedMediaType,
	}}
}

func errUnprocessable(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}

func errConflict(r *Resource, name, message string) error {
	return apierrors.NewConflict(r.gr(), name, errors.New(message))
}

func errUIDPrecondition(r *Resource, name string, wanted, is types.UID) error {
	return errConflict(r, name, fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", wanted, is))
}

func errInvalid(r *Resource, name string, errs field.ErrorList) error {
	return apierrors.NewInvalid(r.gvk().GroupKind(), name, errs)
}

// parseRV reads a resourceVersion, "" being 0.
func parseRV(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	rv, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("resourceVersion: Invalid value: %q: must be a decimal number", s))
	}
	return int64(rv), nil
}

// continueToken says where a paginated list goes on: at the first key not below
// Start, in the state at RV, or in the present if RV is -1.
type continueToken struct {
	Version string `json:"v"`
	RV      int64  `json:"rv"`
	Start   string `json:"start"`
}

const continueVersion = "meta.k8s.io/v1"

func (t continueToken) encode() string {
	t.Version = continueVersion
	return base64.RawURLEncoding.EncodeToString(encodeJSON(t))
}

func parseContinue(s string) (continueToken, error) {
	var t continueToken
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil || t.Version != continueVersion || t.RV < -1 || t.RV == 0 || t.Start == "" {
		return t, apierrors.NewBadRequest(fmt.Sprintf("continue key is not valid: %q is not a token that this server gave out", s))
	}
	return t, nil
}
