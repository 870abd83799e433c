"""Conditions as SQL, for many subjects at once: printed from the typed form for DuckDB, PostgreSQL and Spark."""
