"""Which devices can compute in float64, known by their names."""


def has_float64(device: str) -> bool:
    """Tell whether sums in float64 can be made on a device; Apple's cannot.

    >>> has_float64("cuda:1"), has_float64("mps")
    (True, False)
    """
    return device.partition(":")[0] != "mps"
