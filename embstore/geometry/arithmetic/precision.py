"""Products of float32 on a device, in all of float32's digits."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def all_of_float32() -> Iterator[None]:
    """Compute float32 products in float32: TF32 and bfloat16 keep 3 digits of 7."""
    # Imported late: who only asks, or measures on a CPU, needs no torch here.
    import torch

    matmul = torch.backends.cuda.matmul
    exact: bool | str
    try:
        switch, before, exact = "allow_tf32", matmul.allow_tf32, False
    except RuntimeError:
        # Someone set it by its newer name, after which reading the older one raises.
        switch, before, exact = "fp32_precision", matmul.fp32_precision, "ieee"
    if before != exact:
        setattr(matmul, switch, exact)
    try:
        yield
    finally:
        if before != exact:
            setattr(matmul, switch, before)
