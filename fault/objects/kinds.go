package objects

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meshcheck/meshcheck/fault"
)

// lowestIdentity is the first number of an identity that is not reserved, as in Cilium's
// pkg/identity.
const lowestIdentity = 256

// namespaceLabel is the label of an identity that names its pods' namespace.
const namespaceLabel = "k8s:io.kubernetes.pod.namespace"

// A kind is how the loader treats the objects of one kind.
type kind struct {
	apiVersion string
	namespaced bool
	check      func(*loader, object, place) error
}

var kinds = map[string]kind{
	"CiliumIdentity":      {"cilium.io/v2", false, (*loader).identity},
	"CiliumEndpoint":      {"cilium.io/v2", true, (*loader).endpoint},
	"CiliumEndpointSlice": {"cilium.io/v2alpha1", false, (*loader).slice},
	"CiliumNode":          {"cilium.io/v2", false, (*loader).node},
	"Namespace":           {"v1", false, (*loader).namespace},
	"Pod":                 {"v1", true, (*loader).pod},
}

// object checks one object and takes it in.
func (l *loader) object(o object, kindName string, at place) error {
	k, known := kinds[kindName]
	if !known && l.leaveOut && kindName != "" {
		l.summary.LeftOut[kindName]++
		return nil
	}
	if !known && kindName != "" {
		return fmt.Errorf("kind: found %s; want one of CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod (-leave-out leaves others out)", describe(o["kind"]))
	}
	if !known {
		return fmt.Errorf("kind: found %s; want one of CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod", describe(o["kind"]))
	}
	if o.text("apiVersion") != k.apiVersion {
		return fmt.Errorf("apiVersion: found %s; want %q for a %s", describe(o["apiVersion"]), k.apiVersion, kindName)
	}
	metadata, ok := o["metadata"].(object)
	if !ok {
		return fmt.Errorf("metadata: found %s; want an object with the name", describe(o["metadata"]))
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := checkTexts("metadata."+field, metadata[field]); err != nil {
			return err
		}
	}
	name, namespace := metadata.text("name"), metadata.text("namespace")
	if name == "" {
		return fmt.Errorf("metadata.name: found %s; want the object's name", describe(metadata["name"]))
	}
	if k.namespaced && namespace == "" {
		return fmt.Errorf("metadata.namespace: found %s; a %s lives in a namespace", describe(metadata["namespace"]), kindName)
	}
	if !k.namespaced && namespace != "" {
		return fmt.Errorf("metadata.namespace: found %q; a %s lives in no namespace", namespace, kindName)
	}
	if err := checkNames(kindName, name, namespace); err != nil {
		return err
	}
	key := kindName + " " + namespace + "/" + name
	if first, twice := l.seen[key]; twice {
		l.doubled = append(l.doubled, doubled{at.String() + title(o, kindName), first})
		return nil
	}
	l.seen[key] = at
	if err := k.check(l, o, at); err != nil {
		return err
	}
	if k.namespaced {
		l.needNamespace(namespace)
	}
	l.strip(metadata)
	l.summary.Counts[kindName]++
	l.objects = append(l.objects, o)
	l.places = append(l.places, at)
	return nil
}

// checkNames checks name and namespace of an object as a kube-apiserver does, which would
// refuse a wrong one in the middle of the run. An identity has rules of its own.
func checkNames(kindName, name, namespace string) error {
	switch {
	case kindName == "Namespace":
		return checkNamespaceName("metadata.name", name)
	case kindName != "CiliumIdentity" && !fault.IsName(name):
		return fmt.Errorf("metadata.name: found %s; want a name that Kubernetes takes: at most 253 lower-case letters, digits, '-' and '.', with a letter or digit before and after each '.' and at both ends", describe(name))
	case namespace != "":
		return checkNamespaceName("metadata.namespace", namespace)
	}
	return nil
}

func checkNamespaceName(path, name string) error {
	if !fault.IsNamespaceName(name) {
		return fmt.Errorf("%s: found %s; want a name that Kubernetes takes for a namespace: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends", path, describe(name))
	}
	return nil
}

// strip removes what a server fills in. Owners are among it: they are named by
// UIDs that the objects of the world do not have.
func (l *loader) strip(metadata object) {
	if metadata["deletionTimestamp"] != nil {
		l.summary.Terminating++
	}
	for _, field := range []string{
		"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink",
		"ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers",
	} {
		delete(metadata, field)
	}
}

func (l *loader) identity(o object, at place) error {
	number := o["metadata"].(object).text("name")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != number {
		return fmt.Errorf("metadata.name: found %q; the name of an identity is its number", number)
	}
	if cluster := id >> l.shift; id < lowestIdentity || cluster > fault.MostClusters || l.tooWide(cluster) && id&(1<<l.shift-1)>>wideShift != 0 {
		return fmt.Errorf("metadata.name: found %d; want a number from %d to %d, the highest that Cilium gives", id, lowestIdentity, 1<<24-1)
	}
	if err := l.sameCluster(id, at); err != nil {
		return fmt.Errorf("metadata.name: %w", err)
	}
	labels, ok := o["security-labels"].(object)
	if !ok || len(labels) == 0 {
		return fmt.Errorf("security-labels: found %s; an identity is made of labels, and agents ignore one without", emptyOr(o["security-labels"]))
	}
	if err := checkTexts("security-labels", labels); err != nil {
		return err
	}
	if labels.text(namespaceLabel) == "" {
		l.summary.NoNamespace++
	}
	name, hasCluster := labels[clusterLabel].(string)
	if !hasCluster || name == "" {
		return fmt.Errorf("security-labels.%s: found %s; want the cluster's name, without which agents of other clusters refuse the identity", clusterLabel, describe(labels[clusterLabel]))
	}
	if l.name == "" {
		l.name = name
	}
	if name != l.name {
		return fmt.Errorf("security-labels.%s: found %q, but the identities before have %q; the objects must be of one cluster", clusterLabel, name, l.name)
	}
	l.identities[id] = true
	return nil
}

// checkTexts checks fields, if there are any, that are all text.
func checkTexts(path string, value any) error {
	if value == nil {
		return nil
	}
	texts, ok := value.(object)
	if !ok {
		return fmt.Errorf("%s: found %s; want an object with text in its fields", path, describe(value))
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if _, ok := texts[name].(string); !ok {
			return fmt.Errorf("%s.%s: found %s; want text, in quotes if it looks like something else", path, name, describe(texts[name]))
		}
	}
	return nil
}

// sameCluster checks that an identity is of the same cluster as those before it.
func (l *loader) sameCluster(id int64, at place) error {
	cluster := id >> l.shift
	if l.given != 0 && cluster != l.given {
		return fmt.Errorf("identity %d is of cluster %d (its number divided by %d), but -cluster-id says %d", id, cluster, 1<<l.shift, l.given)
	}
	if l.cluster < 0 {
		l.cluster, l.clusterOf = cluster, at
	}
	if cluster != l.cluster {
		return fmt.Errorf("identity %d is of cluster %d (its number divided by %d), but %s is of cluster %d; the objects must be of one cluster", id, cluster, 1<<l.shift, l.clusterOf, l.cluster)
	}
	return nil
}

func (l *loader) endpoint(o object, at place) error {
	if o["status"] == nil {
		return nil // it has just been made: it is left out at the end
	}
	status, ok := o["status"].(object)
	if !ok {
		return fmt.Errorf("status: found %s; an endpoint has its IPs and its identity there", describe(o["status"]))
	}
	if status["identity"] == nil {
		return nil // it waits for one: it is left out at the end
	}
	identity, ok := status["identity"].(object)
	if !ok {
		return fmt.Errorf("status.identity: found %s; want an object with the id", describe(status["identity"]))
	}
	if err := l.useIdentity("status.identity.id", identity["id"], at); err != nil {
		return err
	}
	return checkNetworking("status.networking", status["networking"])
}

func (l *loader) slice(o object, at place) error {
	if namespace := o.text("namespace"); namespace == "" {
		return fmt.Errorf("namespace: found %s; a slice holds the endpoints of one namespace", describe(o["namespace"]))
	}
	if err := checkNamespaceName("namespace", o.text("namespace")); err != nil {
		return err
	}
	endpoints, ok := o["endpoints"].([]any)
	if !ok {
		return fmt.Errorf("endpoints: found %s; want a list", describe(o["endpoints"]))
	}
	for i, value := range endpoints {
		path := fmt.Sprintf("endpoints[%d]", i)
		endpoint, ok := value.(object)
		if !ok {
			return fmt.Errorf("%s: found %s; want an endpoint", path, describe(value))
		}
		if endpoint.text("name") == "" {
			return fmt.Errorf("%s.name: found %s; want the name of the pod", path, describe(endpoint["name"]))
		}
		if name := endpoint.text("name"); !fault.IsName(name) {
			return fmt.Errorf("%s.name: found %s; want the name of the pod, and Kubernetes takes none such", path, describe(name))
		}
		if err := l.useIdentity(path+".id", endpoint["id"], at); err != nil {
			return err
		}
		if err := checkNetworking(path+".networking", endpoint["networking"]); err != nil {
			return err
		}
	}
	l.needNamespace(o.text("namespace"))
	return nil
}

func (l *loader) useIdentity(path string, value any, at place) error {
	if value == nil {
		return nil // none yet
	}
	number, ok := value.(json.Number)
	id, err := strconv.ParseInt(number.String(), 10, 64)
	if !ok || err != nil || id < 0 {
		return fmt.Errorf("%s: found %s; want the number of an identity", path, describe(value))
	}
	if id < lowestIdentity {
		return nil // reserved: the same in every cluster
	}
	if err := l.sameCluster(id, at); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func checkNetworking(path string, value any) error {
	networking, ok := value.(object)
	if !ok {
		return fmt.Errorf("%s: found %s; want the endpoint's addresses", path, describe(value))
	}
	pairs, ok := networking["addressing"].([]any)
	if !ok || len(pairs) == 0 {
		return fmt.Errorf("%s.addressing: found %s; want a list with at least one address", path, emptyOr(networking["addressing"]))
	}
	for i, value := range pairs {
		pair, _ := value.(object)
		path := fmt.Sprintf("%s.addressing[%d]", path, i)
		if pair.text("ipv4") == "" && pair.text("ipv6") == "" {
			return fmt.Errorf("%s: found %s; want an ipv4 or an ipv6 address", path, describe(value))
		}
		for _, family := range []string{"ipv4", "ipv6"} {
			if err := checkIP(path+"."+family, pair[family]); err != nil {
				return err
			}
		}
	}
	return checkIP(path+".node", networking["node"])
}

// checkIP checks an address that may be absent.
func checkIP(path string, value any) error {
	if value == nil || value == "" {
		return nil
	}
	text, _ := value.(string)
	ip, err := netip.ParseAddr(text)
	if err == nil && ip.Zone() != "" {
		return fmt.Errorf("%s: found %s; Cilium reads no address with a zone", path, describe(value))
	}
	want, wrongFamily := "an IP address", false
	switch {
	case strings.HasSuffix(path, ".ipv4"):
		want, wrongFamily = "an IPv4 address", !ip.Is4()
	case strings.HasSuffix(path, ".ipv6"):
		want, wrongFamily = "an IPv6 address", !ip.Is6()
	}
	if err != nil || wrongFamily {
		return fmt.Errorf("%s: found %s; want %s%s", path, describe(value), want, addressHint(text))
	}
	return nil
}

// addressHint says why a text that looks like an address is none, if it is so for a reason
// that is easily missed.
func addressHint(text string) string {
	if _, err := netip.ParsePrefix(text); err == nil {
		return ", without the length of a prefix"
	}
	numbers := strings.Split(text, ".")
	zeros := false
	for i, number := range numbers {
		trimmed := strings.TrimLeft(number, "0")
		if trimmed == "" && number != "" {
			trimmed = "0"
		}
		zeros = zeros || trimmed != number
		numbers[i] = trimmed
	}
	if plain := strings.Join(numbers, "."); zeros && isAddress(plain) {
		return "; its numbers have no leading zeros, so perhaps " + plain
	}
	return ""
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func (l *loader) node(o object, _ place) error {
	spec, ok := o["spec"].(object)
	if !ok {
		return fmt.Errorf("spec: found %s; a CiliumNode has its addresses there", describe(o["spec"]))
	}
	addresses, ok := spec["addresses"].([]any)
	if !ok || len(addresses) == 0 {
		return fmt.Errorf("spec.addresses: found %s; want a list with at least one address", emptyOr(spec["addresses"]))
	}
	for i, value := range addresses {
		address, _ := value.(object)
		path := fmt.Sprintf("spec.addresses[%d].ip", i)
		if address.text("ip") == "" {
			return fmt.Errorf("%s: found %s; want an IP address", path, describe(address["ip"]))
		}
		if err := checkIP(path, address["ip"]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) namespace(o object, _ place) error {
	l.haveNamespace(o["metadata"].(object).text("name"))
	return nil
}

func (l *loader) pod(o object, _ place) error {
	if o["status"] == nil {
		return nil
	}
	status, ok := o["status"].(object)
	if !ok {
		return errors.New("status: want an object")
	}
	return checkIP("status.podIP", status["podIP"])
}

func emptyOr(value any) string {
	switch value := value.(type) {
	case object:
		if len(value) == 0 {
			return "an empty object"
		}
	case []any:
		if len(value) == 0 {
			return "an empty list"
		}
	}
	return describe(value)
}

// leaveOutUnidentified leaves out, and counts, endpoints that have no identity yet, as
// every large cluster has some, and those whose identity is in no file: lists are not
// taken at one instant.
func (l *loader) leaveOutUnidentified() {
	objects, places := l.objects, l.places
	l.objects, l.places = nil, nil
	for i, o := range objects {
		switch o.text("kind") {
		case "CiliumEndpoint":
			status, _ := o["status"].(object)
			identity, _ := status["identity"].(object)
			if !l.identified(identity["id"]) {
				l.summary.Counts["CiliumEndpoint"]--
				continue
			}
		case "CiliumEndpointSlice":
			endpoints := slices.DeleteFunc(o["endpoints"].([]any), func(endpoint any) bool { return !l.identified(endpoint.(object)["id"]) })
			o["endpoints"] = endpoints
			l.summary.InSlices += len(endpoints)
		}
		l.objects, l.places = append(l.objects, o), append(l.places, places[i])
	}
}

// identified reports whether the identity of an endpoint is reserved or given, and counts
// it if not.
func (l *loader) identified(value any) bool {
	number, _ := value.(json.Number)
	switch id, _ := number.Int64(); {
	case id == 0:
		l.summary.NoIdentity++
	case id >= lowestIdentity && !l.identities[id]:
		l.summary.UnknownIdentities++
	default:
		return true
	}
	return false
}
