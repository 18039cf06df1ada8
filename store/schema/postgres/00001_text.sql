-- +goose Up
-- Text that is compared byte by byte, as SQLite does by itself, so that both databases walk accounts in one order. SQLite
-- takes the name for a type of its own with the affinity TEXT, so that the tables can be written once for both.
CREATE DOMAIN binary_text AS TEXT COLLATE "C";
