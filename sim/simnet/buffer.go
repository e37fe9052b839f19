package simnet

// buffer is a queue of bytes or segments that reuses its memory.
type buffer[T any] struct {
	items []T // the queue is items[head:]
	head  int
}

// keep is how many items an empty buffer keeps memory for: a burst does not
// hold its memory for as long as its connection lives.
const keep = 16 << 10

func (b *buffer[T]) len() int { return len(b.items) - b.head }

// all returns the queue, valid until the next call.
func (b *buffer[T]) all() []T { return b.items[b.head:] }

func (b *buffer[T]) push(items ...T) {
	if b.head > b.len() && len(b.items)+len(items) > cap(b.items) {
		// Less would move a long queue again and again.
		b.items = b.items[:copy(b.items, b.items[b.head:])]
		b.head = 0
	}
	b.items = append(b.items, items...)
}

// drop takes the first count items away.
func (b *buffer[T]) drop(count int) {
	b.head += count
	if b.head < len(b.items) {
		return
	}
	b.items, b.head = b.items[:0], 0
	if cap(b.items) > keep {
		b.items = nil
	}
}

// cut takes all but the first count items away.
func (b *buffer[T]) cut(count int) { b.items = b.items[:b.head+count] }
