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
