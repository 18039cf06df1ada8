-- +goose Up
-- Dead letters are counted for each subscription by whoever watches.
CREATE INDEX invocations_dead ON invocations (subscription) WHERE state = 'dead';
