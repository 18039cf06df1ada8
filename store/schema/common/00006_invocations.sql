-- +goose Up
-- An invocation's secret is made when it is sent, of a key that no database has.
ALTER TABLE invocations DROP COLUMN secret;
-- Dead letters are counted for each subscription by whoever watches.
CREATE INDEX invocations_dead ON invocations (subscription) WHERE state = 'dead';
-- What waits behind one that failed is found by its subject, however much waits of others.
CREATE INDEX invocations_subject ON invocations (subscription, subject, seq) WHERE state = 'waiting';
