-- +goose Up
-- Tests go to subscriptions that are paused, however much waits for those.
CREATE INDEX invocations_test ON invocations (subscription, test, due) WHERE state = 'waiting' AND test = 1;
-- Answers that are waited for are counted for each subscription by whoever watches.
CREATE INDEX invocations_asking ON invocations (subscription) WHERE state = 'asked';
-- 00006 did not have it from the beginning.
CREATE INDEX IF NOT EXISTS invocations_subject ON invocations (subscription, subject, seq) WHERE state = 'waiting';
-- Of two indexes that are as good to it SQLite takes the younger one, and what failed is little of what waits.
DROP INDEX invocations_stuck;
CREATE INDEX invocations_stuck ON invocations (subscription, subject) WHERE state = 'waiting' AND tries > 0;
