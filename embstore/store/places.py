"""Where the tables of a store lie: what a connection attaches to read them."""

from pathlib import Path

# A DuckDB file, or the folder of an export.
Place = Path
