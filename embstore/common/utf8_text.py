"""Text from the command line and from names of files, whatever the locale says of it."""


def utf8(text: str) -> str:
    r"""Return a text as the UTF-8 that it was written in.

    Bytes that the locale could not read stand in it as lone surrogates.

    >>> utf8("\udcc3\udca9")
    'é'

    Raises:
        UnicodeError: its bytes are no UTF-8.
    """
    return text.encode(errors="surrogateescape").decode()


def is_utf8(text: str) -> bool:
    r"""Tell whether a text can be written as UTF-8, unlike bytes that were none.

    >>> is_utf8("é"), is_utf8("\udcff")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
