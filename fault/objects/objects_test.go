package objects_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meshcheck/meshcheck/fault/draw"
	"github.com/meshcheck/meshcheck/fault/objects"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
	return file
}

const (
	identity = `{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "66000"}, security-labels: {"k8s:app": web, "k8s:io.cilium.k8s.policy.cluster": c7}}`
	endpoint = `{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: web-0, namespace: shop}, status: {identity: {id: 66000}, networking: {addressing: [{ipv4: 10.0.0.1}], node: 192.168.0.1}}}`
	node     = `{apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n}, spec: {addresses: [{ip: 192.168.0.1, type: InternalIP}]}}`
)

func TestLoadNormalisesAndKeepsOrder(t *testing.T) {
	yaml := write(t, "a.yaml", "---\n"+identity+"\n---\n# nothing here\n---\nkind: List\napiVersion: v1\nitems:\n- kind: CiliumNodeList\n  items:\n  - "+node+"\n- "+endpoint+"\n")
	json := write(t, "b.json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"jobs","uid":"u","resourceVersion":"7","managedFields":[],"ownerReferences":[{"uid":"x"}],"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":"1"}},"status":{"podIP":"10.0.0.9"}}`)
	loaded, summary, err := objects.Load(objects.Config{}, yaml, json)
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"jobs"}}`,
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
		`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity","metadata":{"name":"66000"},"security-labels":{"k8s:app":"web","k8s:io.cilium.k8s.policy.cluster":"c7"}}`,
		`{"apiVersion":"cilium.io/v2","kind":"CiliumNode","metadata":{"name":"n"},"spec":{"addresses":[{"ip":"192.168.0.1","type":"InternalIP"}]}}`,
		`{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":"web-0","namespace":"shop"},"status":{"identity":{"id":66000},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"192.168.0.1"}}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"1"},"name":"p","namespace":"jobs"},"status":{"podIP":"10.0.0.9"}}`,
	}, texts(loaded))
	require.Equal(t, 1, summary.ClusterID)
	require.Zero(t, summary.Moved)
	require.Equal(t, []string{"jobs", "shop"}, summary.CreatedNamespaces)
}

func texts(all []json.RawMessage) (texts []string) {
	for _, raw := range all {
		texts = append(texts, string(raw))
	}
	return texts
}

func TestIdentitiesOfClusterZeroAreMoved(t *testing.T) {
	file := write(t, "zero.yaml", `kind: List
items:
- {apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {"k8s:io.cilium.k8s.policy.cluster": default}}
- {apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: web-0, namespace: shop}, status: {identity: {id: 1000, labels: ["k8s:io.cilium.k8s.policy.cluster=default", "k8s:app=web"]}, networking: {addressing: [{ipv4: 10.0.0.1}]}}}
- {apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: shop, endpoints: [{name: web-0, id: 1000, networking: {addressing: [{ipv4: 10.0.0.1}]}}, {name: health, id: 4, networking: {addressing: [{ipv6: "fd00::1"}]}}, {name: web-1, id: 1001, networking: {addressing: [{ipv4: 10.0.0.2}]}}]}
`)
	loaded, summary, err := objects.Load(objects.Config{}, file)
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
		`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity","metadata":{"name":"66536"},"security-labels":{"k8s:io.cilium.k8s.policy.cluster":"c1"}}`,
		`{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":"web-0","namespace":"shop"},"status":{"identity":{"id":66536,"labels":["k8s:io.cilium.k8s.policy.cluster=c1","k8s:app=web"]},"networking":{"addressing":[{"ipv4":"10.0.0.1"}]}}}`,
		`{"apiVersion":"cilium.io/v2alpha1","endpoints":[{"id":66536,"name":"web-0","networking":{"addressing":[{"ipv4":"10.0.0.1"}]}},{"id":4,"name":"health","networking":{"addressing":[{"ipv6":"fd00::1"}]}}],"kind":"CiliumEndpointSlice","metadata":{"name":"s"},"namespace":"shop"}`,
	}, texts(loaded))
	require.Equal(t, []string{
		"1 CiliumIdentity, 1 CiliumEndpoint, 1 CiliumEndpointSlice",
		"the identities are of cluster ID 0, which ClusterMesh refuses: 65536 is added to each, as if the cluster ID were 1",
		`the cluster's name is "default", which ClusterMesh refuses: it is "c1" in the identities' labels`,
		"namespaces not given and created: shop",
		"endpoints whose identity is in no file and that are left out: 1",
		"identities without the label k8s:io.kubernetes.pod.namespace, which a ClusterMesh API server skips: 1",
	}, summary.Lines())
}

// Each text is refused with a sentence that names document, item, object, field
// and reason; FILE stands for the file.
func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an empty file":          {"  \n", "FILE: the file is empty; kubectl get ... -A -o yaml prints objects"},
		"binary data":            {"\x7fELF\x00\x01", "FILE: this is binary data; want YAML or JSON as kubectl prints it"},
		"prose":                  {"hello there", `FILE: document 1, line 1: found "hello there" where an object with apiVersion and kind belongs`},
		"broken YAML":            {"a: b\n---\n{", "FILE: document 2: the YAML is wrong: line 3: did not find expected node content"},
		"broken JSON":            {"{\n\"kind\": \n}", "FILE: document 1: line 3: the JSON is wrong: missing value after object name"},
		"an alias":               {"a: &x 1\nb: *x", "FILE: document 1: line 2: YAML aliases are not supported; kubectl prints none"},
		"a field twice":          {"kind: Pod\nkind: Pod", `FILE: document 1: line 2: the field "kind" is given twice`},
		"comments only":          {"# nothing\n", "FILE: there are no objects in it; kubectl get ciliumidentities,ciliumendpoints,ciliumendpointslices,ciliumnodes,namespaces,pods -A -o yaml prints them"},
		"an unknown kind":        {"{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: d}}", `FILE: document 1, line 1 (Secret d/s): kind: found "Secret"; want one of CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod (-leave-out leaves others out)`},
		"no kind":                {"{apiVersion: v1}", "FILE: document 1, line 1: kind: found nothing; want one of CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice, CiliumNode, Namespace and Pod"},
		"a wrong version":        {"{apiVersion: v2, kind: Pod, metadata: {name: p, namespace: d}}", `FILE: document 1, line 1 (Pod d/p): apiVersion: found "v2"; want "v1" for a Pod`},
		"no name":                {"{apiVersion: v1, kind: Pod, metadata: {namespace: d}}", "FILE: document 1, line 1 (Pod d): metadata.name: found nothing; want the object's name"},
		"no namespace":           {"{apiVersion: v1, kind: Pod, metadata: {name: p}}", "FILE: document 1, line 1 (Pod p): metadata.namespace: found nothing; a Pod lives in a namespace"},
		"a namespace":            {"{apiVersion: v1, kind: Namespace, metadata: {name: p, namespace: d}}", `FILE: document 1, line 1 (Namespace d/p): metadata.namespace: found "d"; a Namespace lives in no namespace`},
		"a bad pod IP":           {"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, status: {podIP: 10.0.0.256}}", `FILE: document 1, line 1 (Pod d/p): status.podIP: found "10.0.0.256"; want an IP address`},
		"an object twice":        {"kind: List\nitems:\n- " + node + "\n- " + node, "FILE: document 1, item 2, line 4 (CiliumNode n): metadata.name: the same object is given before, in FILE: document 1, item 1, line 3"},
		"items no list":          {"kind: List\nitems: 7", "FILE: document 1, line 1: items: found 7 in the List; want a list"},
		"a named identity":       {"{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: web}}", `FILE: document 1, line 1 (CiliumIdentity web): metadata.name: found "web"; the name of an identity is its number`},
		"a reserved number":      {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "255"}}`, "FILE: document 1, line 1 (CiliumIdentity 255): metadata.name: found 255; want a number from 256 to 16777215, the highest that Cilium gives"},
		"a cluster 512":          {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "33555432"}}`, "FILE: document 1, line 1 (CiliumIdentity 33555432): metadata.name: found 33555432; want a number from 256 to 16777215, the highest that Cilium gives"},
		"too wide for 300":       {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "19693568"}}`, "FILE: document 1, line 1 (CiliumIdentity 19693568): metadata.name: found 19693568; want a number from 256 to 16777215, the highest that Cilium gives"},
		"no labels":              {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {}}`, "FILE: document 1, line 1 (CiliumIdentity 1000): security-labels: found an empty object; an identity is made of labels, and agents ignore one without"},
		"a label no text":        {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {a: 7}}`, "FILE: document 1, line 1 (CiliumIdentity 1000): security-labels.a: found 7; want text, in quotes if it looks like something else"},
		"no cluster label":       {`{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}, security-labels: {a: b}}`, "FILE: document 1, line 1 (CiliumIdentity 1000): security-labels.k8s:io.cilium.k8s.policy.cluster: found nothing; want the cluster's name, without which agents of other clusters refuse the identity"},
		"two clusters":           {identity + "\n---\n" + `{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "1000"}}`, "FILE: document 2, line 3 (CiliumIdentity 1000): metadata.name: identity 1000 is of cluster 0 (its number divided by 65536), but FILE: document 1, line 1 is of cluster 1; the objects must be of one cluster"},
		"a status no object":     {"{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: e, namespace: d}, status: 7}", "FILE: document 1, line 1 (CiliumEndpoint d/e): status: found 7; an endpoint has its IPs and its identity there"},
		"an identity no object":  {"{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: e, namespace: d}, status: {identity: 7}}", "FILE: document 1, line 1 (CiliumEndpoint d/e): status.identity: found 7; want an object with the id"},
		"a zone":                 {"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, status: {podIP: 'fe80::1%eth0'}}", `FILE: document 1, line 1 (Pod d/p): status.podIP: found "fe80::1%eth0"; Cilium reads no address with a zone`},
		"annotations no texts":   {"{apiVersion: v1, kind: Namespace, metadata: {name: p, annotations: [1]}}", "FILE: document 1, line 1 (Namespace p): metadata.annotations: found a list; want an object with text in its fields"},
		"a JSON field twice":     {"{\n\"kind\": \"Pod\",\n\"kind\": 1}", `FILE: document 1: line 3: the field "kind" is given twice`},
		"two refusals":           {"kind: List\nitems: [7, {kind: PodList}]", "FILE: document 1, item 1, line 2: found 7 where an object with apiVersion and kind belongs\nFILE: document 1, item 1, line 2: items: found nothing in the PodList; want a list"},
		"a bad name":             {"{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: Bad_Name!, namespace: d}}", `FILE: document 1, line 1 (CiliumEndpoint d/Bad_Name!): metadata.name: found "Bad_Name!"; want a name that Kubernetes takes: at most 253 lower-case letters, digits, '-' and '.', with a letter or digit before and after each '.' and at both ends`},
		"a bad part of a name":   {"{apiVersion: v1, kind: Pod, metadata: {name: a.-b, namespace: d}}", `FILE: document 1, line 1 (Pod d/a.-b): metadata.name: found "a.-b"; want a name that Kubernetes takes: at most 253 lower-case letters, digits, '-' and '.', with a letter or digit before and after each '.' and at both ends`},
		"a bad namespace":        {"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a.b}}", `FILE: document 1, line 1 (Pod a.b/p): metadata.namespace: found "a.b"; want a name that Kubernetes takes for a namespace: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends`},
		"a bad namespace's name": {"{apiVersion: v1, kind: Namespace, metadata: {name: -a}}", `FILE: document 1, line 1 (Namespace -a): metadata.name: found "-a"; want a name that Kubernetes takes for a namespace: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends`},
		"a slice of a bad pod":   {"{apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: shop, endpoints: [{name: A, id: 1000}]}", `FILE: document 1, line 1 (CiliumEndpointSlice s): endpoints[0].name: found "A"; want the name of the pod, and Kubernetes takes none such`},
		"a prefix":               {"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, status: {podIP: 10.0.0.1/32}}", `FILE: document 1, line 1 (Pod d/p): status.podIP: found "10.0.0.1/32"; want an IP address, without the length of a prefix`},
		"leading zeros":          {"{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, status: {podIP: 010.0.0.01}}", `FILE: document 1, line 1 (Pod d/p): status.podIP: found "010.0.0.01"; want an IP address; its numbers have no leading zeros, so perhaps 10.0.0.1`},
		"a cut List":             {"apiVersion: v1\nitems:\n- " + node, "FILE: document 1, line 1: the file seems cut off: there are items, and a List, as kubectl writes it, ends with kind: List"},
		"a message of kubectl":   {"error: the server is gone\nkind: List\nitems: []", `FILE: document 1, line 1: a List has no field "error"; it has apiVersion, items, kind and metadata (did a message of kubectl get into the file?)`},
		"a slice without IP": {
			"{apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: shop, endpoints: [{name: a, id: 1000}]}",
			"FILE: document 1, line 1 (CiliumEndpointSlice s): endpoints[0].networking: found nothing; want the endpoint's addresses",
		},
		"a slice's empty address": {
			"{apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: shop, endpoints: [{name: a, id: 1000, networking: {addressing: []}}]}",
			"FILE: document 1, line 1 (CiliumEndpointSlice s): endpoints[0].networking.addressing: found an empty list; want a list with at least one address",
		},
		"a slice's v6 in v4": {
			"{apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, namespace: shop, endpoints: [{name: a, id: 4, networking: {addressing: [{ipv4: 'fd00::1'}]}}]}",
			`FILE: document 1, line 1 (CiliumEndpointSlice s): endpoints[0].networking.addressing[0].ipv4: found "fd00::1"; want an IPv4 address`,
		},
		"a slice of no namespace": {
			"{apiVersion: cilium.io/v2alpha1, kind: CiliumEndpointSlice, metadata: {name: s}, endpoints: []}",
			"FILE: document 1, line 1 (CiliumEndpointSlice s): namespace: found nothing; a slice holds the endpoints of one namespace",
		},
		"a node without address": {"{apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n}, spec: {addresses: [{}]}}", "FILE: document 1, line 1 (CiliumNode n): spec.addresses[0].ip: found nothing; want an IP address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if strings.HasPrefix(test.text, "{apiVersion") {
				test.text = "--- " + test.text // or it would be taken for JSON
			}
			require.NoError(t, os.WriteFile("FILE", []byte(test.text), 0o666))
			_, _, err := objects.Load(objects.Config{}, "FILE")
			require.EqualError(t, err, test.want)
		})
	}
}

func TestLoadOfAMissingFile(t *testing.T) {
	_, _, err := objects.Load(objects.Config{}, "nowhere.yaml")
	require.EqualError(t, err, "nowhere.yaml: cannot read the objects: no such file or directory")
}

// Each file of testdata is of a kind that was once refused whole, or misread.
func TestCases(t *testing.T) {
	for file, want := range map[string]string{
		"base": "", "ident-empty-value": "", "ns-False": "", "nodeV6upper": "", "hostV6": "", "ipv4mapped": "", "cep-v4mapped": "", "host-identity": "",
		"id-no-ns":        "identities without the label k8s:io.kubernetes.pod.namespace, which a ClusterMesh API server skips: 1",
		"noNsWithCluster": "identities without the label k8s:io.kubernetes.pod.namespace, which a ClusterMesh API server skips: 1",
		"cep-no-identity": "endpoints that have no identity yet and are left out: 1",
		"t-enc":           "", // refused by the worker, which has Cilium's types
		"cep-v6-zone":     `testdata/cep-v6-zone.json: document 1, item 6, line 95 (CiliumEndpoint shop/h): status.networking.addressing[0].ipv6: found "fe80::1%eth0"; Cilium reads no address with a zone`,
		"cluster-300":     "the identities' numbers have more than 24 bits, which Cilium refuses: 9830400 is taken from each, to where Cilium has those of cluster ID 300 (maxConnectedClusters: 511)",
		"bad-labels":      "testdata/bad-labels.json: document 1, line 1 (Namespace x): metadata.labels: found 5; want an object with text in its fields",
		"dup-keys":        `testdata/dup-keys.json: document 1: line 1: the field "kind" is given twice`,
	} {
		_, summary, err := objects.Load(objects.Config{}, "testdata/"+file+".json")
		switch {
		case strings.HasPrefix(want, "testdata/"):
			require.ErrorContains(t, err, want, file)
		case want != "":
			require.NoError(t, err, file)
			require.Contains(t, summary.Lines(), want, file)
		default:
			require.NoError(t, err, file)
		}
	}
}

// The first identities of cluster 1, whose lower bits are like reserved numbers, are none.
func TestLowNumbersOfAClusterAreTaken(t *testing.T) {
	_, summary, err := objects.Load(objects.Config{}, write(t, "low.yaml", "--- "+strings.ReplaceAll(identity, "66000", "65540")))
	require.NoError(t, err)
	require.Equal(t, 1, summary.ClusterID)
	require.Zero(t, summary.Moved)
}

// 9831400 is 300<<15 + 1000 and 150<<16 + 1000.
func TestTheClusterIDSaysWhatNumbersMean(t *testing.T) {
	file := write(t, "c7.yaml", "--- "+strings.ReplaceAll(identity, "66000", "9831400")+"\n--- "+strings.ReplaceAll(endpoint, "66000", "9831400"))
	for given, want := range map[int]string{
		0:   "",
		150: "",
		300: "",
		7:   "identity 9831400 is of cluster 150 (its number divided by 65536), but -cluster-id says 7",
		301: "identity 9831400 is of cluster 300 (its number divided by 32768), but -cluster-id says 301",
	} {
		all, summary, err := objects.Load(objects.Config{ClusterID: given}, file)
		if want != "" {
			require.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, cmp.Or(given, 150), summary.ClusterID)
		require.Zero(t, summary.Moved)
		require.Contains(t, texts(all)[1], `"name":"9831400"`)
		p, err := draw.Plan(1, draw.Config{Objects: all, ClusterID: summary.ClusterID})
		require.NoError(t, err)
		require.Equal(t, summary.ClusterID, p.Options.ClusterID)
	}
}

// Numbers that have the cluster ID where those up to 255 do are moved, in endpoints as well.
func TestIdentitiesOfMoreThan24BitsAreMoved(t *testing.T) {
	all, summary, err := objects.Load(objects.Config{}, write(t, "wide.yaml", "--- "+strings.ReplaceAll(identity, "66000", "19661800")+"\n--- "+strings.ReplaceAll(endpoint, "66000", "19661800")))
	require.NoError(t, err)
	require.Equal(t, 300, summary.ClusterID)
	require.Contains(t, texts(all)[1], `"name":"9831400"`)
	require.Contains(t, texts(all)[2], `"id":9831400`)
}

func TestOtherKindsAreLeftOutWhereAsked(t *testing.T) {
	file := write(t, "all.yaml", "---\n"+node+"\n---\n{apiVersion: v1, kind: Secret, metadata: {name: s}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: t}}\n---\n{apiVersion: apps/v1, kind: DaemonSet}\n")
	_, _, err := objects.Load(objects.Config{}, file)
	require.ErrorContains(t, err, "document 2, line 4 (Secret s)")
	require.ErrorContains(t, err, "document 3, line 6 (Secret t)", "all are refused at once")
	loaded, summary, err := objects.Load(objects.Config{LeaveOut: true}, file)
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	require.Equal(t, []string{"1 CiliumNode", "objects of other kinds, left out: 1 DaemonSet, 2 Secret"}, summary.Lines())
	require.Equal(t, []string{file + ": document 1, line 2 (CiliumNode n)"}, summary.Places)
}

// A dump in which kubectl failed for a kind looks whole; it is said what it lacks.
func TestHalfDumps(t *testing.T) {
	const asked = "; did kubectl fail for a kind?"
	noEndpoints := "no CiliumEndpoints and no CiliumEndpointSlices: agents see no pod of your cluster" + asked
	noIdentities := "no CiliumIdentities: agents see no identity of your cluster, and endpoints without theirs are left out" + asked
	noNodes := "no CiliumNodes: the nodes are drawn ones" + asked
	noPods := "no Pods: agents do not read them, but the endpoints have no pods behind them" + asked
	const pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}}"
	for name, test := range map[string]struct {
		given []string
		want  []string
	}{
		"whole":         {[]string{identity, endpoint, node, pod}, nil},
		"no endpoints":  {[]string{identity, node, pod}, []string{noEndpoints}},
		"no identities": {[]string{endpoint, node, pod}, []string{noEndpoints, noIdentities}},
		"no nodes":      {[]string{identity, endpoint, pod}, []string{noNodes}},
		"no pods":       {[]string{identity, endpoint, node}, []string{noPods}},
	} {
		_, summary, err := objects.Load(objects.Config{}, write(t, "dump.yaml", "---\n"+strings.Join(test.given, "\n---\n")))
		require.NoError(t, err, name)
		require.Equal(t, test.want, summary.Missing(), name)
	}
	file := write(t, "pods.yaml", "---\n"+endpoint+"\n---\n"+pod)
	_, _, err := objects.Load(objects.Config{}, file)
	require.EqualError(t, err, file+": nothing that an agent sees is left to start from: 1 Pod; namespaces not given and created: d, shop; "+
		"endpoints whose identity is in no file and that are left out: 1; "+noEndpoints+"; "+noIdentities+"; "+noNodes)
}

// Items are named by the lines they begin on, in lists in lists, too, and in JSON.
func TestLines(t *testing.T) {
	yaml := write(t, "a.yaml", "# dumped\nkind: List\nitems:\n- kind: PodList\n  items:\n  - 7\n  - kind: Pod\n- kind: Pod\n")
	_, _, err := objects.Load(objects.Config{}, yaml)
	require.Equal(t, []int{6, 7, 8}, lines(t, err))
	json := write(t, "b.json", "\n{\"items\": [\n{\"kind\": \"PodList\", \"items\":\n[7,\n{\"kind\": \"Pod\", \"spec\": {\"items\": [\n1]}}]},\n{\"kind\": \"Pod\"}], \"kind\": \"List\"}\n{\"kind\": \"Pod\"}")
	_, _, err = objects.Load(objects.Config{}, json)
	require.Equal(t, []int{4, 5, 7, 8}, lines(t, err))
}

// lines are those that an error of several refusals names.
func lines(t *testing.T, err error) (lines []int) {
	for _, found := range regexp.MustCompile(`, line (\d+)`).FindAllStringSubmatch(err.Error(), -1) {
		line, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		lines = append(lines, line)
	}
	return lines
}

// A dump that is there twice is refused in one line.
func TestDoubledDump(t *testing.T) {
	nodes := ""
	for i := range 5 {
		nodes += fmt.Sprintf("---\n{apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n%d}, spec: {addresses: [{ip: 192.168.0.%d}]}}\n", i, i+1)
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a", []byte(nodes), 0o666))
	require.NoError(t, os.WriteFile("b", []byte(nodes), 0o666))
	_, _, err := objects.Load(objects.Config{}, "a", "b")
	require.EqualError(t, err, "5 objects are given a second time: b: document 1, line 2 (CiliumNode n0), before in a: document 1, line 2; "+
		"b: document 2, line 4 (CiliumNode n1), before in a: document 2, line 4; b: document 3, line 6 (CiliumNode n2), before in a: document 3, line 6 and 2 more")
}

func TestStandardInput(t *testing.T) {
	in, err := os.Open(write(t, "a.yaml", "---\n"+node+"\n---\n7\n"))
	require.NoError(t, err)
	defer in.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = in
	_, _, err = objects.Load(objects.Config{}, "-")
	require.EqualError(t, err, "standard input: document 2, line 4: found 7 where an object with apiVersion and kind belongs")
}

func TestRefusalsAreBounded(t *testing.T) {
	file := write(t, "many.yaml", "kind: List\nitems: ["+strings.Repeat("7,", 60)+"]\n")
	_, _, err := objects.Load(objects.Config{}, file)
	require.Equal(t, 50, strings.Count(err.Error(), "\n"))
	require.True(t, strings.HasSuffix(err.Error(), "\nand 10 more"))
}
