package stores

import (
	"fmt"
	"io"
	"time"

	"github.com/meshcheck/meshcheck/checker/property"
	"github.com/meshcheck/meshcheck/history/index"
	"github.com/meshcheck/meshcheck/model/spec"
)

// Picture writes porcupine's own page of the operations on the key that a violation of
// etcd-linearizable is about: how far each order of them gets.
func Picture(w io.Writer, x *index.Index, v *property.Violation, within time.Duration) error {
	for _, s := range x.Stores {
		if s.Name != v.Store || s.Actor != v.Server {
			continue
		}
		for _, ops := range spec.KV().Partition(operations(x.Records, s)) {
			if len(ops) > 0 && ops[0].Input.(spec.KVInput).Key == v.Key {
				return etcdMachine.Picture(w, ops, time.Now().Add(within))
			}
		}
	}
	return fmt.Errorf("the history has no operations on %q in the etcd of %s", v.Key, v.Server)
}
