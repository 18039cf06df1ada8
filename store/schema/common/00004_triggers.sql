-- +goose Up
-- doc is a triggers.Subscription without its secrets, which are sealed. version grows with each change. What is counted and who delivers
-- is not of the subscription's own making, and stands beside it.
CREATE TABLE subscriptions (
	id          binary_text NOT NULL PRIMARY KEY,
	trigger_id  binary_text NOT NULL,
	name        TEXT NOT NULL,
	enabled     BIGINT NOT NULL,
	paused      BIGINT NOT NULL,
	doc         TEXT NOT NULL,
	sealed      TEXT NOT NULL,
	version     BIGINT NOT NULL,
	-- A number of the events' counter: the subscription is younger than that.
	created_seq BIGINT NOT NULL,
	-- Who delivers, as with partitions.
	owner       TEXT NOT NULL,
	lease_until BIGINT NOT NULL,
	generation  BIGINT NOT NULL
);
CREATE INDEX subscriptions_trigger ON subscriptions (trigger_id);

-- An event on its way to a subscription. event is a number of events, or 0 of a test, whose payload is in data.
CREATE TABLE invocations (
	seq          BIGINT NOT NULL PRIMARY KEY,
	id           binary_text NOT NULL UNIQUE,
	subscription binary_text NOT NULL,
	trigger_id   TEXT NOT NULL,
	subject      binary_text NOT NULL,
	event        BIGINT NOT NULL,
	test         BIGINT NOT NULL,
	data         TEXT,
	content      TEXT,
	state        TEXT NOT NULL,
	-- All attempts, and those since it began or was replayed.
	attempts     BIGINT NOT NULL,
	tries        BIGINT NOT NULL,
	due          BIGINT NOT NULL,
	created      BIGINT NOT NULL,
	completed    BIGINT NOT NULL,
	deadline     BIGINT NOT NULL,
	secret       TEXT NOT NULL,
	reason       TEXT NOT NULL,
	output       TEXT,
	fault        TEXT NOT NULL
);
CREATE INDEX invocations_waiting ON invocations (subscription, due, seq) WHERE state = 'waiting';
CREATE INDEX invocations_stuck ON invocations (subscription, subject) WHERE state = 'waiting' AND tries > 0;
CREATE INDEX invocations_asked ON invocations (deadline) WHERE state = 'asked';
CREATE INDEX invocations_over ON invocations (completed) WHERE state IN ('done', 'dead');
CREATE INDEX invocations_subscription ON invocations (subscription, seq);

CREATE TABLE attempts (
	invocation BIGINT NOT NULL,
	n          BIGINT NOT NULL,
	time       BIGINT NOT NULL,
	took       BIGINT NOT NULL,
	status     BIGINT NOT NULL,
	answer     TEXT NOT NULL,
	outcome    TEXT NOT NULL,
	reason     TEXT NOT NULL,
	PRIMARY KEY (invocation, n)
);

-- How many events a subscription's filter did not let through, and the last of them. They have no column of the subscription: whoever emits
-- would keep that row from whoever delivers.
CREATE TABLE filtered_counts (
	subscription binary_text NOT NULL PRIMARY KEY,
	n            BIGINT NOT NULL
);
CREATE TABLE filtered (
	subscription binary_text NOT NULL,
	seq          BIGINT NOT NULL,
	reason       TEXT NOT NULL,
	PRIMARY KEY (subscription, seq)
);
