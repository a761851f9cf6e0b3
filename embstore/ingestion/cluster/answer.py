"""What a task of a cluster sends back: Arrow, with every number to the last bit."""

import typing

import pyarrow as pa

from embstore.common.record_columns import column_of, values_of
from embstore.ingestion.devices.messages import Failed
from embstore.ingestion.one_checkpoint import Result

_RESULT, _REASON = "result", b"reason"


def packed(answer: Result | Failed) -> pa.Buffer:
    """Return an Arrow stream: one row with all of a result, or no more than why there is none."""
    if isinstance(answer, Failed):
        # A path may hold bytes that are no text.
        reason = answer.reason.encode("utf-8", errors="surrogatepass")
        content = pa.RecordBatch.from_arrays([], schema=pa.schema([], {_REASON: reason}))
    else:
        content = pa.RecordBatch.from_arrays([column_of(Result, [answer])], [_RESULT])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema) as stream:
        stream.write_batch(content)
    return sink.getvalue()


def unpacked(content: pa.Buffer) -> Result | Failed:
    """Return what was packed; nothing of it stays in the buffer."""
    with pa.ipc.open_stream(content) as stream:
        metadata = stream.schema.metadata or {}
        if _REASON in metadata:
            return Failed(metadata[_REASON].decode("utf-8", errors="surrogatepass"))
        (result,) = values_of(Result, stream.read_next_batch().column(_RESULT))
    return typing.cast("Result", result)
