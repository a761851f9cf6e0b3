"""A checkpoint's files, from loading to the hidden states of every layer."""
