"""Metrics of a layer and the next, a file each: ``registry`` finds every module of this folder."""
