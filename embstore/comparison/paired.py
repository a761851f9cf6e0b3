"""The error of a difference between two runs that read the same tokens.

Text that makes a number larger in one run mostly does so in the other, so much of both errors
is one and the same and is gone from the difference. What remains is the spread over the
windows of the differences of their effects: a paired t-test whose unit is the window.
The SQL macro ``paired_error`` of the store is the same formula.
"""

import math
from collections.abc import Sequence

# As a share of the error of independent runs: below it, rounding makes two runs differ.
ROUNDING = 1e-3


def paired_error(a: Sequence[float], b: Sequence[float]) -> tuple[float, int] | None:
    """Return the standard error of b − a, and its degrees of freedom.

    √(G/(G−1) · Σ (b_w − a_w)²) over the G windows that have the number: one that lacks it has the
    effect 0 in both runs. Where all effects are 0, all count. The effects of each run are 0 in
    sum, so their differences are centred as they are.

    Args:
        a: how much each window moves the one number.
        b: the same of the other, of the same windows.

    Returns:
        None where the two are not of equally many windows, or fewer than two count.

    >>> [round(number, 6) for number in paired_error([1.0, -1.0, 0.0], [2.0, -2.0, 0.0])]
    [2.0, 1]
    """
    if len(a) != len(b):
        return None
    n = sum(x != 0 or y != 0 for x, y in zip(a, b, strict=True)) or len(a)
    if n < 2:
        return None
    spread = max(math.dist(a, b), ROUNDING * math.hypot(*a, *b))
    return math.sqrt(n / (n - 1)) * spread, n - 1
