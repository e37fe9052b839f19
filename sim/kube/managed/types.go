package managed

// TypeOf returns the type of the part of a built-in kind's object, such as its spec. Those of custom
// resources, but for metadata, have nothing special.
func TypeOf(kind, part string) *Type {
	if part == "metadata" {
		return metadata
	}
	return builtin[kind][part]
}

func keyed(items *Type, keys ...string) *Type { return &Type{Keys: keys, Items: items} }

var (
	one      = &Type{Atomic: true}
	metadata = &Type{Fields: map[string]*Type{"finalizers": {Unique: true}, "ownerReferences": keyed(one, "uid")}}

	conditions = &Type{Fields: map[string]*Type{"conditions": keyed(nil, "type")}}
	container  = &Type{Fields: map[string]*Type{
		"env": keyed(nil, "name"), "ports": keyed(nil, "containerPort", "protocol"), "volumeMounts": keyed(nil, "mountPath"),
	}}

	// builtin is what the kinds of the world have of that (k8s.io/api, the comments listType and mapType).
	builtin = map[string]map[string]*Type{
		"Namespace": {"status": conditions},
		"Node": {
			"spec":   {Fields: map[string]*Type{"podCIDRs": {Unique: true}}},
			"status": {Fields: map[string]*Type{"addresses": keyed(nil, "type"), "conditions": keyed(nil, "type")}},
		},
		"Pod": {
			"spec": {Fields: map[string]*Type{
				"containers": keyed(container, "name"), "initContainers": keyed(container, "name"), "volumes": keyed(nil, "name"), "nodeSelector": one,
			}},
			"status": {Fields: map[string]*Type{"conditions": keyed(nil, "type"), "podIPs": keyed(nil, "ip")}},
		},
		"Service": {
			"spec":   {Fields: map[string]*Type{"ports": keyed(nil, "port", "protocol"), "selector": one}},
			"status": conditions,
		},
	}
)
