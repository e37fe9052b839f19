package kube

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metascheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshcheck/meshcheck/sim/kube/storage"
)

// Request is what a client asks of a Server, as Config.Intercept sees it.
type Request struct {
	// Verb is get, list, watch, create, update, patch, delete or
	// deletecollection; or discovery, with Resource empty, for what is not
	// about objects (/version, /api, /apis, /readyz and the like).
	Verb        string
	Group       string
	Version     string
	Resource    string // plural
	Subresource string
	Namespace   string // "" for all, and for resources without namespaces
	Name        string
	Client      string // who asks: Config.Client
	Path        string

	query    url.Values
	resource *storage.Resource // nil if the server does not serve it
}

// Lists says whether the request asks for the present state: a list, or a watch
// that begins with one.
func (q *Request) Lists() bool {
	return q.Verb == "list" || q.Verb == "watch" && q.query.Get("sendInitialEvents") == "true"
}

// needsCache says whether only the watch cache can answer: watches, and lists that are not
// of a page of what is there now (CacheDelegator.GetList, shouldDelegateListOnNotReadyCache).
func (q *Request) needsCache() bool {
	limited := q.query.Get("limit") != "" && q.query.Get("limit") != "0"
	return q.Verb == "watch" || q.Verb == "list" && !q.fromStorage() && (!limited || q.selectors() != "")
}

// fromStorage says whether a list passes by the watch cache.
func (q *Request) fromStorage() bool {
	limited := q.query.Get("limit") != "" && q.query.Get("limit") != "0"
	ask := q.ask()
	return ask == "continue" || strings.HasPrefix(ask, "=") || ask == "" && limited
}

// NeedsStorage says whether the request cannot be served without the etcd: a write, or a
// read of what is there now.
func (q *Request) NeedsStorage() bool {
	switch q.Verb {
	case "discovery":
		return false
	case "get":
		return q.ask() == ""
	case "list":
		return q.ask() == "" || q.fromStorage()
	case "watch":
		return q.query.Has("sendInitialEvents") && q.query.Get("resourceVersion") == ""
	}
	return true
}

// key is what the history says that the request is about: an object, a namespace,
// or, if neither, the path.
func (q *Request) key() string {
	switch {
	case q.resource == nil:
		return q.Path
	case q.Name != "" && q.Namespace != "":
		return q.Namespace + "/" + q.Name
	case q.Name != "":
		return q.Name
	}
	return q.Namespace
}

// Kind is that of the resource, "" if the server does not serve it.
func (q *Request) Kind() string {
	if q.resource == nil {
		return ""
	}
	return q.resource.Kind
}

// selectors are those of a collection as the history writes them.
func (q *Request) selectors() string {
	var s []string
	for _, name := range []string{"label", "field"} {
		if value := q.query.Get(name + "Selector"); value != "" {
			s = append(s, name+"s="+value)
		}
	}
	return strings.Join(s, ";")
}

// ask is the version that a read asks for as the history writes it. A list from
// a version that has a limit is one of exactly this version, if it does not say
// otherwise.
func (q *Request) ask() string {
	rv := q.query.Get("resourceVersion")
	if q.Verb == "watch" && q.Lists() {
		return "initial:" + rv
	}
	if q.Verb != "list" {
		return rv
	}
	match, limit := q.query.Get("resourceVersionMatch"), q.query.Get("limit")
	switch {
	case q.query.Get("continue") != "":
		return "continue"
	case rv == "" || rv == "0":
	case match == string(metav1.ResourceVersionMatchExact), match == "" && limit != "" && limit != "0":
		return "=" + rv
	}
	return rv
}

func (q *Request) groupResource() schema.GroupResource {
	return schema.GroupResource{Group: q.Group, Resource: q.Resource}
}

// parseRequest reads the URL and method of a request. The error is that which
// the client gets; the Request is as complete as it could be made.
func parseRequest(store *storage.Store, r *http.Request) (*Request, error) {
	q := &Request{Verb: "discovery", Path: r.URL.Path, query: r.URL.Query()}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		q.Version, parts = parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		q.Group, q.Version, parts = parts[1], parts[2], parts[3:]
	default:
		if r.Method != http.MethodGet {
			return q, storage.Unmodeled("%s %s", r.Method, r.URL.Path)
		}
		return q, nil
	}
	if parts[0] == "namespaces" && len(parts) > 2 && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
		q.Namespace, parts = parts[1], parts[2:]
	}
	q.Resource = parts[0]
	if len(parts) > 1 {
		q.Name = parts[1]
	}
	if len(parts) > 2 {
		q.Subresource = strings.Join(parts[2:], "/")
	}
	if err := q.setVerb(r.Method); err != nil {
		return q, err
	}
	if q.resource = store.Resource(q.Group, q.Version, q.Resource); q.resource == nil {
		return q, errNoResource()
	}
	return q, q.check(q.resource)
}

func (q *Request) setVerb(method string) error {
	collection := map[string]string{http.MethodGet: "list", http.MethodPost: "create", http.MethodDelete: "deletecollection"}
	object := map[string]string{http.MethodGet: "get", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete", http.MethodPost: "create"}
	verbs := object
	if q.Name == "" {
		verbs = collection
	}
	q.Verb = verbs[method]
	if q.Verb == "list" {
		if watch, err := strconv.ParseBool(q.query.Get("watch")); err == nil && watch {
			q.Verb = "watch"
		}
	}
	if q.Verb == "" {
		q.Verb = strings.ToLower(method)
		return apierrors.NewMethodNotSupported(q.groupResource(), q.Verb)
	}
	return nil
}

// manager is what managedFields call who makes the request.
func (q *Request) manager(r *http.Request) string {
	if name := q.query.Get("fieldManager"); name != "" {
		return name
	}
	name, _, _ := strings.Cut(r.UserAgent(), "/")
	return name
}

// parameters are the query parameters that each verb understands. Those that
// bear "=" are accepted only with that value: what they would do otherwise is
// not modelled.
var parameters = map[string][]string{
	"get":              {"resourceVersion", "timeout"},
	"list":             {"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "timeout", "watch", "allowWatchBookmarks", "sendInitialEvents"},
	"watch":            {"labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "timeout", "watch", "allowWatchBookmarks", "sendInitialEvents"},
	"create":           {"fieldManager", "fieldValidation=Ignore", "timeout"},
	"update":           {"fieldManager", "fieldValidation=Ignore", "timeout"},
	"patch":            {"fieldManager", "fieldValidation=Ignore", "timeout"},
	"delete":           {"gracePeriodSeconds", "propagationPolicy=Background", "timeout"},
	"deletecollection": {"labelSelector", "fieldSelector", "gracePeriodSeconds", "propagationPolicy=Background", "timeoutSeconds", "timeout"},
}

// check refuses what the resource does not have and what is not modelled.
func (q *Request) check(r *storage.Resource) error {
	if q.Namespace != "" && !r.Namespaced {
		return errNoResource()
	}
	if r.Namespaced && q.Namespace == "" {
		switch q.Verb {
		case "list", "watch":
		case "create", "deletecollection":
			return apierrors.NewMethodNotSupported(r.GR(), q.Verb)
		default:
			return errNoResource()
		}
	}
	if q.Name != "" && q.Verb == "create" {
		return storage.Unmodeled("POST to %s", q.Path)
	}
	if q.Subresource != "" {
		finalize := q.Subresource == "finalize" && r.Kind == "Namespace" && q.Verb == "update"
		if q.Subresource != "status" && !finalize {
			return storage.Unmodeled("the subresource %s of %s", q.Subresource, r.Kind)
		}
		if !r.Status {
			return errNoResource()
		}
		if q.Verb == "delete" {
			return apierrors.NewMethodNotSupported(r.GR(), q.Verb)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.query)) {
		value := q.query.Get(name)
		known := slices.Contains(parameters[q.Verb], name) || slices.Contains(parameters[q.Verb], name+"="+value)
		if !known && value != "" {
			return storage.Unmodeled("the parameter %s=%s of %s", name, value, q.Verb)
		}
	}
	return nil
}

// listOptions reads the parameters of a collection, as the real kube-apiserver does.
func (q *Request) listOptions() (o internalversion.ListOptions, sel storage.Selector, err error) {
	if err := metascheme.ParameterCodec.DecodeParameters(q.query, metav1.SchemeGroupVersion, &o); err != nil {
		return o, sel, apierrors.NewBadRequest(err.Error())
	}
	o.Watch = q.Verb == "watch"
	if errs := metavalidation.ValidateListOptions(&o, true); len(errs) > 0 {
		return o, sel, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	sel, err = storage.NewSelector(q.resource, q.Namespace, o.LabelSelector, o.FieldSelector)
	return o, sel, err
}
