"""Products of the vectors that were kept of a layer, on the CPU or on a device."""
