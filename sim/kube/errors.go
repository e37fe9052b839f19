package kube

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Messages of the real kube-apiserver that clients and people know.
const (
	messageListExpired     = "The resourceVersion for the provided list is too old."
	messageContinueExpired = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)

// statusOf returns the Status that tells a client of an error.
func statusOf(err error) metav1.Status {
	var api apierrors.APIStatus
	if errors.As(err, &api) {
		status := api.Status()
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		return status
	}
	code := int32(http.StatusInternalServerError)
	if _, ok := err.(*storage.UnmodeledError); ok {
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
	return apierrors.NewGenericServerResponse(http.StatusNotFound, "", schema.GroupResource{}, "", "", 0, false)
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
	return base64.RawURLEncoding.EncodeToString(storage.EncodeJSON(t))
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

// errNoDeleteCollection says that namespaces are deleted one by one.
func errNoDeleteCollection() error {
	return apierrors.NewGenericServerResponse(http.StatusMethodNotAllowed, "", schema.GroupResource{}, "", "", 0, false)
}
