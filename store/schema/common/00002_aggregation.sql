-- +goose Up
-- Times are whole microseconds since 1970, UTC; 0 is never. JSON is text, because its bytes count: two accounts are equal
-- when theirs are. Both databases know BIGINT, TEXT and (see 00001) binary_text.

CREATE TABLE counters (
	name binary_text NOT NULL PRIMARY KEY,
	n    BIGINT NOT NULL
);

CREATE TABLE scopes (
	id         BIGINT NOT NULL PRIMARY KEY,
	connection binary_text NOT NULL,
	resource   binary_text NOT NULL,
	revision   BIGINT NOT NULL,
	UNIQUE (connection, resource)
);

CREATE TABLE accounts (
	scope    BIGINT NOT NULL REFERENCES scopes (id),
	id       binary_text NOT NULL,
	account  TEXT NOT NULL,
	row_hash TEXT NOT NULL,
	read_at  BIGINT NOT NULL,
	PRIMARY KEY (scope, id)
);

CREATE TABLE runs (
	id        BIGINT NOT NULL PRIMARY KEY,
	scope     BIGINT NOT NULL REFERENCES scopes (id),
	plan      TEXT NOT NULL,
	-- The run whose failed accounts this one reads again; 0 is none.
	retry_of  BIGINT NOT NULL,
	-- 1: an operator has let it go on although much is gone or changed.
	approved  BIGINT NOT NULL,
	state     TEXT NOT NULL,
	started   BIGINT NOT NULL,
	completed BIGINT NOT NULL,
	counts    TEXT NOT NULL,
	errors    TEXT NOT NULL,
	warnings  TEXT NOT NULL,
	note      TEXT NOT NULL
);
CREATE INDEX runs_scope ON runs (scope, id);
-- One run of a scope at a time.
CREATE UNIQUE INDEX runs_open ON runs (scope) WHERE state IN ('running', 'held');

CREATE TABLE partitions (
	run         BIGINT NOT NULL REFERENCES runs (id),
	name        binary_text NOT NULL,
	state       TEXT NOT NULL,
	spec        TEXT,
	checkpoint  TEXT,
	done        BIGINT NOT NULL,
	total       BIGINT NOT NULL,
	owner       TEXT NOT NULL,
	lease_until BIGINT NOT NULL,
	generation  BIGINT NOT NULL,
	-- Attempts since something was kept last, and why the latest of them ended.
	tries       BIGINT NOT NULL,
	reason      TEXT NOT NULL,
	-- Calls to the vendor, and for how many microseconds they were held before they went.
	calls       BIGINT NOT NULL,
	held        BIGINT NOT NULL,
	-- The latest job of the queue; 0 is none.
	job         BIGINT NOT NULL,
	PRIMARY KEY (run, name)
);

-- Rows of the lists that a run reads, until they are settled. over_id is the row that a join's call was for.
CREATE TABLE listed (
	run     BIGINT NOT NULL REFERENCES runs (id),
	step    BIGINT NOT NULL,
	over_id binary_text NOT NULL,
	n       BIGINT NOT NULL,
	id      binary_text NOT NULL,
	doc     TEXT NOT NULL,
	PRIMARY KEY (run, step, over_id, n)
);
CREATE INDEX listed_order ON listed (run, id, step, over_id, n);

-- pending: the account needs a call of its own, which gets doc. A failed account keeps doc, to be tried again.
CREATE TABLE staged (
	run      BIGINT NOT NULL REFERENCES runs (id),
	id       binary_text NOT NULL,
	account  TEXT,
	row_hash TEXT NOT NULL,
	read_at  BIGINT NOT NULL,
	doc      TEXT,
	pending  BIGINT NOT NULL,
	PRIMARY KEY (run, id)
);
CREATE INDEX staged_pending ON staged (run, id) WHERE pending = 1;

CREATE TABLE warnings (
	run  BIGINT NOT NULL REFERENCES runs (id),
	text binary_text NOT NULL,
	PRIMARY KEY (run, text)
);

CREATE TABLE failures (
	run    BIGINT NOT NULL REFERENCES runs (id),
	id     binary_text NOT NULL,
	reason TEXT NOT NULL,
	at     BIGINT NOT NULL,
	PRIMARY KEY (run, id)
);

CREATE TABLE events (
	seq     BIGINT NOT NULL PRIMARY KEY,
	id      binary_text NOT NULL UNIQUE,
	tenant  TEXT NOT NULL,
	type    TEXT NOT NULL,
	source  TEXT NOT NULL,
	subject TEXT NOT NULL,
	time    BIGINT NOT NULL,
	data    TEXT
);
