package web

import (
	"net/http"
	"strconv"

	"sluice/aggregation"
)

// How many resources a page has.
const (
	usualCount = 100
	mostCount  = 1000
)

// scimList answers with a page of a collection.
func (v *visit) scimList(at endpoint, e edition) (*http.Response, error) {
	start, err := v.whole("startIndex", 1)
	if err != nil {
		return nil, err
	}
	count, err := v.whole("count", usualCount)
	if err != nil {
		return nil, err
	}
	start, count = max(start, 1), max(min(count, mostCount), 0)
	shown, err := v.projection()
	if err != nil {
		return nil, err
	}
	records, total, err := v.page(at, e, start-1, count)
	if err != nil {
		return nil, err
	}
	resources := make([]any, 0, len(records))
	for _, r := range records {
		a, err := accountOf(r)
		if err != nil {
			return nil, err
		}
		resources = append(resources, shown.of(v.resource(at, r, a)))
	}
	return v.send(reply{status: http.StatusOK, kind: scimType, etag: tagOf(e.scope, e.revision, v.base, v.question.Encode())}, map[string]any{
		"schemas": []string{urnList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(resources), "Resources": resources,
	})
}

// page reads what is asked for, through the filter if there is one.
func (v *visit) page(at endpoint, e edition, offset, count int64) ([]aggregation.Record, int64, error) {
	text := v.question.Get("filter")
	if text == "" {
		if count == 0 {
			return nil, e.total, nil
		}
		revision, records, err := v.room.snapshots.Page(v.Context(), e.scope, offset, int(count))
		if err == nil && revision != e.revision {
			err = moved()
		}
		return records, e.total, err
	}
	terms, err := parseFilter(text)
	if err == nil {
		var m *matcher
		if m, err = newMatcher(terms, at.fields()); err == nil {
			return v.room.desk.filtered(v.Context(), e, m, offset, count)
		}
	}
	return nil, 0, refuse(http.StatusBadRequest, "bad_filter", "%v", err)
}

// whole reads a whole number, which the standard lets be negative.
func (v *visit) whole(name string, otherwise int64) (int64, error) {
	text := v.question.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "bad_"+name, "%s must be a whole number", name)
	}
	return n, nil
}

// scimOne answers with one resource.
func (v *visit) scimOne(at endpoint, e edition, id string) (*http.Response, error) {
	shown, err := v.projection()
	if err != nil {
		return nil, err
	}
	record, found, err := v.room.snapshots.Account(v.Context(), e.scope, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, refuse(http.StatusNotFound, "unknown_account", "there is no resource of this id in %s", at.path)
	}
	a, err := accountOf(record)
	if err != nil {
		return nil, err
	}
	document := v.resource(at, record, a)
	etag := versionOf(record)
	if at.schema == urnGroup && shown.wants("members") {
		members, revision, err := v.members(at, a)
		if err != nil {
			return nil, err
		}
		if members != nil {
			document["members"] = members
			etag = versionOf(record, revision)
			document["meta"].(map[string]any)["version"] = etag
		}
	}
	return v.send(reply{status: http.StatusOK, kind: scimType, etag: etag}, shown.of(document))
}
