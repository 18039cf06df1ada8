-- +goose Up
-- How a receiver does goes with the claim from node to node, as JSON.
ALTER TABLE subscriptions ADD COLUMN health TEXT NOT NULL DEFAULT '';
