package main

import (
	"sluice/store"
	"sluice/web"
)

// letRead lets consumers read what was aggregated, below /aggregations and /scim of the listeners that no connection owns.
func (a *App) letRead(db *store.DB) { a.front.Open(web.NewRoom(db.Reader())) }
