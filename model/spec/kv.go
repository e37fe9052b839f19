package spec

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// KVOp is an operation on one key of one etcd store.
type KVOp string

// The operations.
const (
	KVPut    KVOp = "put"
	KVDelete KVOp = "delete"
	KVGet    KVOp = "get"
)

// KVInput is the input of an operation in the specification KV.
type KVInput struct {
	Store string // etcd cluster ID
	Key   string
	Op    KVOp
	Hash  string // of the value that is put
}

// KVOutput is the output of an operation in the specification KV.
type KVOutput struct {
	// Unknown marks a write whose outcome its client never learned: it may have
	// happened at any instant after its call, or never. Its Return must be after
	// all else, so that "never" is the order in which it comes last. The other
	// fields are then zero.
	Unknown bool
	Rev     int64  // the store's revision in the answer; for a write that changed the key, its revision
	Deleted int64  // delete: 1 if the key was there, else 0
	Found   bool   // get: the key was there
	ModRev  int64  // get: revision of the key's last change
	Hash    string // get: of the value
}

// KVState is the state of one key. The zero value is a key that was never written.
type KVState struct {
	Present bool
	Hash    string
	// ModRev is the revision of the value, or zero if it was put by a write with
	// an unknown outcome and has not been read yet.
	ModRev int64
	// Written is the revision of the last write of the key, or the least that it
	// can have if its outcome is unknown.
	Written int64
	// Shown is the greatest revision of the store in an answer so far.
	Shown int64
}

// KV is the specification of an etcd store as its clients see each single key:
//
//   - a get answers with the value and revision of the last put, or with nothing
//     if there was none or a delete since;
//   - a delete answers whether the key was there;
//   - each write of a key has a greater revision than the one before;
//   - no answer has a smaller revision of the store than an answer before it.
//
// A put may have the revision that a get before it has shown, since the two may
// be parts of one transaction, which has one revision.
//
// Source: https://etcd.io/docs/v3.6/learning/api_guarantees/.
func KV() porcupine.Model { return KVFrom(KVState{}) }

// KVFrom is KV for histories of which the beginning is cut off: every key starts
// in the state s.
func KVFrom(s KVState) porcupine.Model {
	return model(s, KVState.step, func(in KVInput) place { return place{in.Store, in.Key} }, Describe)
}

func (s KVState) step(in KVInput, out KVOutput) (bool, KVState) {
	switch {
	case out.Unknown && in.Op == KVPut:
		return true, s.write(KVState{Present: true, Hash: in.Hash}, max(s.Written+1, s.Shown))
	case out.Unknown && !s.Present:
		return true, s
	case out.Unknown:
		return true, s.write(KVState{}, max(s.Written+1, s.Shown))
	case out.Rev < s.Shown || out.Rev < s.Written:
		return false, s
	}
	switch in.Op {
	case KVPut:
		return out.Rev > s.Written, s.write(KVState{Present: true, Hash: in.Hash, ModRev: out.Rev}, out.Rev).show(out)
	case KVDelete:
		if out.Deleted == 0 {
			return !s.Present, s.show(out)
		}
		return out.Deleted == 1 && s.Present && out.Rev > s.Written, s.write(KVState{}, out.Rev).show(out)
	case KVGet:
		return s.get(out)
	}
	panic(fmt.Sprintf("spec: %q is not an operation on a key", in.Op))
}

func (s KVState) get(out KVOutput) (bool, KVState) {
	if !out.Found || !s.Present {
		return out.Found == s.Present, s.show(out)
	}
	if out.Hash != s.Hash || out.ModRev > out.Rev || out.ModRev < s.Written || s.ModRev != 0 && out.ModRev != s.ModRev {
		return false, s
	}
	s.ModRev, s.Written = out.ModRev, out.ModRev
	return true, s.show(out)
}

func (s KVState) write(to KVState, rev int64) KVState {
	to.Written, to.Shown = rev, s.Shown
	return to
}

func (s KVState) show(out KVOutput) KVState {
	s.Shown = out.Rev
	return s
}

// After is the state in which every legal order of ops ends that starts in s:
// the write with the greatest revision is the last one. All outcomes are known.
func (s KVState) After(ops []porcupine.Operation) KVState {
	for _, op := range ops {
		in, out := op.Input.(KVInput), op.Output.(KVOutput)
		shown := max(s.Shown, out.Rev)
		switch {
		case out.Rev <= s.Written:
		case in.Op == KVPut:
			s = s.write(KVState{Present: true, Hash: in.Hash, ModRev: out.Rev}, out.Rev)
		case in.Op == KVDelete && out.Deleted > 0:
			s = s.write(KVState{}, out.Rev)
		}
		s.Shown = shown
	}
	return s
}

// Describe is an operation and its answer in the manner of a protocol's trace,
// such as "put 4f1c -> rev 7".
func Describe(in KVInput, out KVOutput) string {
	call := string(in.Op)
	if in.Op == KVPut {
		call += " " + in.Hash
	}
	switch {
	case out.Unknown:
		return call + " -> unknown"
	case in.Op == KVDelete:
		return fmt.Sprintf("%s -> %d deleted, rev %d", call, out.Deleted, out.Rev)
	case in.Op == KVPut:
		return fmt.Sprintf("%s -> rev %d", call, out.Rev)
	case out.Found:
		return fmt.Sprintf("%s -> %s of rev %d, at rev %d", call, out.Hash, out.ModRev, out.Rev)
	}
	return fmt.Sprintf("%s -> nothing, at rev %d", call, out.Rev)
}
