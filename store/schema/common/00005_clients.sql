-- +goose Up
-- Who may call the API. hash is the SHA-256 of a client's secret, in hexadecimal digits; scopes are JSON.
CREATE TABLE clients (
	id      binary_text NOT NULL PRIMARY KEY,
	name    TEXT NOT NULL,
	hash    TEXT NOT NULL,
	scopes  TEXT NOT NULL,
	created BIGINT NOT NULL,
	revoked BIGINT NOT NULL
);
