-- +goose Up
-- Places of vendors' limits that nodes lease. Both columns are JSON of proxy/pace/lease.

CREATE TABLE lease_pulse (
	one   BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
	pulse TEXT NOT NULL
);

CREATE TABLE lease_books (
	bucket binary_text NOT NULL PRIMARY KEY,
	book   TEXT NOT NULL
);
