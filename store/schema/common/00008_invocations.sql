-- +goose Up
-- An event's invocations are found by its number: of one that is shown, and of old ones that go when there are none. Tests are of no event.
CREATE INDEX invocations_event ON invocations (event) WHERE event > 0;
