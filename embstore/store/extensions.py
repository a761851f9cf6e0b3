"""DuckDB's extensions: from their wheels (extra ``lake``), else where DuckDB keeps its own."""

import importlib.util
from pathlib import Path

import duckdb

from embstore.errors import StoreError
from embstore.store.quoting import quoted


def load_extension(connection: duckdb.DuckDBPyConnection, name: str, what: str) -> None:
    """Load an extension into a connection's database.

    Args:
        connection: to where.
        name: of the extension.
        what: that needs it, as a sentence begins: ``an address is read``.

    Raises:
        StoreError: it is missing for this DuckDB.
    """
    try:
        connection.execute(f"LOAD {quoted(_in_wheel(name) or name)}")
    except duckdb.Error as error:
        raise StoreError(
            f"{what} by DuckDB's extension {name}, which is missing for DuckDB "
            f"{duckdb.__version__}: pip install 'embstore[lake]', or run INSTALL {name} in DuckDB"
        ) from error


def _in_wheel(name: str) -> Path | None:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    file = folder / f"{name}.duckdb_extension"
    return file if file.exists() else None
