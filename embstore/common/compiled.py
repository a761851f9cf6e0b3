"""How inner loops are compiled: by numba, once per machine, free of the interpreter's lock."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

# Sums may be reordered, to run several lanes at once; nothing else is relaxed.
REORDERED = frozenset({"reassoc", "contract"})

P = ParamSpec("P")
R = TypeVar("R")


def compiled(
    *, fastmath: frozenset[str] = frozenset()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile without the interpreter's lock, once per machine where a cache can be kept.

    Args:
        fastmath: which rules of floating-point arithmetic may be relaxed.
    """

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        flags = set(fastmath)
        try:
            made = numba.njit(cache=True, nogil=True, fastmath=flags)(function)
        except RuntimeError:
            # Neither the package's folder nor the user's cache can be written to.
            made = numba.njit(nogil=True, fastmath=flags)(function)
        return cast("Callable[P, R]", made)

    return compile_
