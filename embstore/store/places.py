"""Where the tables of a store lie: what a connection attaches to read them."""

from pathlib import Path

from embstore.store.lake.address import LakeAddress

# A DuckDB file, the folder of an export, or a lake.
Place = Path | LakeAddress
