"""Whether a piece of text is a number."""


def is_number(text: str | bytes) -> bool:
    """Tell whether a piece of text is a number as it stands.

    >>> is_number("-1.5e3"), is_number(b"nan"), is_number("1,5"), is_number("")
    (True, True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True
