"""Stores that a team shares: DuckLake, a catalog in PostgreSQL and numbers in Parquet files."""
