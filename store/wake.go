package store

import "sync"

// wake tells those of this process who wait for something to deliver that there may be some.
type wake struct {
	mu   sync.Mutex
	bell chan struct{} // closed when it rings
}

func newWake() *wake { return &wake{bell: make(chan struct{})} }

// tell wakes all who wait.
func (w *wake) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.bell)
	w.bell = make(chan struct{})
}

// Bell is closed at the next time that this process has written something to deliver. Who wants to miss nothing takes it before looking.
func (db *DB) Bell() <-chan struct{} {
	db.wake.mu.Lock()
	defer db.wake.mu.Unlock()
	return db.wake.bell
}
