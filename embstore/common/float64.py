"""Which devices can compute in float64, known by their names."""


def has_float64(device: str) -> bool:
    """Tell whether sums in float64 can be made on a device; Apple's cannot.

    >>> has_float64("cuda:1"), has_float64("mps")
    (True, False)
    """
    return device.partition(":")[0] != "mps"


def stays_on_host(device: str) -> bool:
    """Tell whether what takes float64 is computed on the CPU, as NumPy does it.

    ``cpu:0`` is the same processor, and torch's arithmetic: tests compare the two.

    >>> stays_on_host("cpu"), stays_on_host("mps"), stays_on_host("cuda"), stays_on_host("cpu:0")
    (True, True, False, False)
    """
    return device == "cpu" or not has_float64(device)
