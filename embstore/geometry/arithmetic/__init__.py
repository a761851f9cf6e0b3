"""The heavy passes over vectors, where the vectors are: NumPy's on the CPU, torch's elsewhere."""
