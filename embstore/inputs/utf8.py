"""What is said of bytes that should be UTF-8 text and are not."""

import codecs

from embstore.errors import CorpusError


def refuse_utf16(beginning: bytes) -> None:
    """Refuse a text that begins with the mark of UTF-16.

    Raises:
        CorpusError: it does.
    """
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError("UTF-16, not UTF-8; convert it, as with iconv -f utf-16 -t utf-8")


def not_utf8(error: UnicodeDecodeError, *, before: int = 0, of: str = "") -> str:
    r"""Say which byte is not UTF-8.

    Args:
        error: what Python says.
        before: how many bytes come before those that were decoded.
        of: what the bytes are counted in, such as `` of the line``.

    >>> try:
    ...     b"one\xe9".decode()
    ... except UnicodeDecodeError as error:
    ...     not_utf8(error)
    'not UTF-8 text (byte 3 is 0xe9); convert it, as with iconv -t utf-8'
    """
    return (
        f"not UTF-8 text (byte {before + error.start:,}{of} is 0x{error.object[error.start]:02x});"
        " convert it, as with iconv -t utf-8"
    )
