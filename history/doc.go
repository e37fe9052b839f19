// Package history is the record of one run: what every writer did, what every
// store applied and what every agent could see, each at its virtual instant.
//
// It holds the record types, the rolling trace hash, and the documented,
// versioned file form. It knows nothing of Cilium, of properties or of plans
// (a plan is carried as text).
//
// # The file form
//
// A history is text, one line per record, made to be read, searched with grep
// and compared with diff:
//
//	meshcheck-history 4
//	plan {"version":1,"seed":7,"mode":"clustermesh"}
//	0.000000000 world phase - start
//	12.400000000 k0 truth identity 65537 value=k8s:app=web op=put owner=CiliumIdentity/65537 rv=57
//	12.403118000 a3 see identity 65537 value=k8s:app=web op=watch peer=r0 store=4f1c8e2a90b3d716 inc=1 source=clustermesh session=1
//	12.500000000 r0 put endpoint cilium/state/ip/v1/default/10.0.0.5 value="id=65537 host=192.168.0.3 pod=ns1/web-0" store=4f1c8e2a90b3d716 rev=12
//	end records=4 sha256=<64 hexadecimal digits>
//
// The grammar, where every line ends with one "\n" and every space is one " ":
//
//	file     = header plan record* end
//	header   = "meshcheck-history 4"
//	plan     = "plan " JSON, on one line
//	record   = time " " word " " verb " " word " " word (" " name "=" text)*
//	end      = "end records=" digits " sha256=" hexdigits
//
//	time     = digits ["." 1 to 9 digits]      seconds; a writer gives nine decimals
//	word     = "-" | text                      actor, kind and key; "-" is the empty string
//	text     = bare | quoted
//	bare     = one or more of the characters "!" to "~" except '"' and '\'
//	quoted   = a Go string literal in double quotes
//	name     = value op owner peer store end rv rev inc from more err ask id bytes source session
//
// A name is that of the field of [Record], occurs once at most, and is left out
// where the field is zero. A writer gives the names in the order above and quotes
// only what is not bare (and a word that is "-"); a reader takes any order. rv,
// rev, inc, id, bytes and session are decimal integers, from is a time, more is "true". Records are
// in order of time. The end line counts the records; its hash is the SHA-256 of
// all bytes before it, and is the trace hash of the run.
//
// Versions 1 to 3 of the form are read as well. Version 1 has fewer verbs and names;
// it and version 2 lack source and session, and what they say of a change's origin is a
// guess (see [See]). Nor do they say what faults disturb and did. Up to version 3 an
// endpoint's content is its identity, host and pod, and a node's its addresses.
//
// A fragment, as [Parse] takes it, is record lines alone, with empty lines and
// lines that begin with "#" among them.
package history
