"""History: what was committed, as Parquet files that DuckDB reads, exactly once, with the log's tail."""
