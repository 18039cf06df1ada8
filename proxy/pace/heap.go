package pace

// sortable is what a heap holds: it knows its order and remembers its seat, so that it can be mended or taken out wherever it sits.
type sortable[T any] interface {
	comparable
	before(T) bool
	seat() *int
}

// heap is a binary heap. container/heap would do, but for its interface it reads worse at each call than this does here.
type heap[T sortable[T]] struct{ items []T }

func (h *heap[T]) len() int { return len(h.items) }

// top is who comes first; the heap is not empty.
func (h *heap[T]) top() T { return h.items[0] }

func (h *heap[T]) holds(x T) bool {
	at := *x.seat()
	return at < len(h.items) && h.items[at] == x
}

func (h *heap[T]) push(x T) {
	*x.seat() = len(h.items)
	h.items = append(h.items, x)
	h.up(*x.seat())
}

func (h *heap[T]) remove(x T) {
	at, last := *x.seat(), len(h.items)-1
	h.swap(at, last)
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	if at < last {
		h.fix(h.items[at])
	}
}

// fix mends the order after x has changed.
func (h *heap[T]) fix(x T) {
	if at := *x.seat(); !h.down(at) {
		h.up(at)
	}
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.items[i].seat() = i
	*h.items[j].seat() = j
}

func (h *heap[T]) up(at int) {
	for at > 0 {
		above := (at - 1) / 2
		if !h.items[at].before(h.items[above]) {
			return
		}
		h.swap(at, above)
		at = above
	}
}

func (h *heap[T]) down(at int) (moved bool) {
	for {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(h.items); child++ {
			if h.items[child].before(h.items[least]) {
				least = child
			}
		}
		if least == at {
			return moved
		}
		h.swap(at, least)
		at, moved = least, true
	}
}
