"""The store: schema, connection, writing and views. The one door to DuckDB."""
