"""Error codes: one module a database, one row a code. Loaded when the first error of that database is met."""
