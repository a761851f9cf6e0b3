"""Takes in what DuckDB answers, batch by batch: a large answer waits in a file, not in memory."""

import mmap
import tempfile
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from embstore.errors import QueryError
from embstore.store.failures import query_error

_BATCH_ROWS = 10_000
# Answers of more bytes go to a file.
_IN_MEMORY = 64 * 2**20


def collect(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return the rows of the statement that a connection has just run.

    The store is free for others once it returns. Beyond some size the table lies in a file
    without a name, in the system's folder for temporary files, and is read from there when it
    is used; the file goes when the table does.

    Raises:
        QueryError: the statement fails on its way, or the file has no room.
    """
    reader = connection.to_arrow_reader(_BATCH_ROWS)
    batches: list[pa.RecordBatch] = []
    coming = _batches(reader)
    size = 0
    for batch in coming:
        batches.append(batch)
        size += batch.nbytes
        if size > _IN_MEMORY:
            return _in_a_file(reader.schema, batches, coming)
    return pa.Table.from_batches(batches, reader.schema)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except OSError as error:
        # What Arrow makes of DuckDB's errors, half way through an answer.
        raise query_error(error) from error


def _in_a_file(
    schema: pa.Schema, batches: list[pa.RecordBatch], coming: Iterator[pa.RecordBatch]
) -> pa.Table:
    try:
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_stream(file, schema) as writer:
                while batches:
                    writer.write_batch(batches.pop(0))
                for batch in coming:
                    writer.write_batch(batch)
            file.flush()
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise QueryError(
            f"the answer is large and cannot be kept in {tempfile.gettempdir()} ({reason}): ask "
            "for less, or name a folder with more room with TMPDIR"
        ) from error
    return pa.ipc.open_stream(pa.py_buffer(content)).read_all()
