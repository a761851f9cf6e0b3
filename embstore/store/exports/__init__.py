"""A store as a folder of Parquet files: written, published, and asked where it lies."""
