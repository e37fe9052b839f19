package storage

import (
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// UnmodeledError is a request that a real kube-apiserver answers and this one does not.
type UnmodeledError struct{ What string }

func (e *UnmodeledError) Error() string {
	return "not modelled by meshcheck's kube-apiserver: " + e.What
}

// Unmodeled returns an UnmodeledError.
func Unmodeled(format string, args ...any) error {
	return &UnmodeledError{fmt.Sprintf(format, args...)}
}

// TooLargeVersion says that a version has not been reached, in time if waiting helps.
func TooLargeVersion(wanted, current int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", wanted, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type:    metav1.CauseTypeResourceVersionTooLarge,
		Message: "Too large resource version",
	}}
	return err
}

// MessageModified is what a kube-apiserver says to a client that has seen an older version.
const MessageModified = "the object has been modified; please apply your changes to the latest version and try again"

func errConflict(r *Resource, name, message string) error {
	return apierrors.NewConflict(r.GR(), name, errors.New(message))
}

func errUIDPrecondition(r *Resource, name string, wanted, is types.UID) error {
	return errConflict(r, name, fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", wanted, is))
}

// Invalid says what is wrong with an object.
func Invalid(r *Resource, name string, errs field.ErrorList) error {
	return apierrors.NewInvalid(r.GVK().GroupKind(), name, errs)
}

// ParseVersion reads a resourceVersion, "" being 0. The error is no API error: as in a
// real kube-apiserver it is answered with code 500.
func ParseVersion(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	rv, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("resourceVersion: Invalid value: %q: %w", s, err)
	}
	return int64(rv), nil
}
