package store_test

import (
	"testing"
	"time"

	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/lease/leasetest"
	"sluice/store"
	"sluice/store/storetest"
)

func TestLeases(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		leasetest.Test(t, func(clock func() time.Time) lease.Store {
			options := fresh()
			options.Clock = clock
			return storetest.Open(t, options)
		})
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		storetest.Test(t, func(t *testing.T, clock func() time.Time) *store.DB {
			options := fresh()
			options.Clock = clock
			return storetest.Open(t, options)
		})
	})
}
