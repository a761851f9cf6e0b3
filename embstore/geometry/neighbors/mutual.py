"""How many neighbours are neighbours in turn."""

import numpy as np
from numpy.typing import NDArray

from embstore.common.compiled import compiled


@compiled()
def mutual_share(indices: NDArray[np.int32]) -> float:
    """Return the share of neighbours that have the point as theirs; 0 for none.

    Args:
        indices: of each point's nearest others, (n, k).
    """
    n, k = indices.shape
    mutual = 0
    for i in range(n):
        for j in range(k):
            other = indices[i, j]
            for place in range(k):
                if indices[other, place] == i:
                    mutual += 1
                    break
    share: float = mutual / max(n * k, 1)
    return share
