package store

import "sluice/triggers/dispatch"

var _ dispatch.Store = (*DB)(nil)
