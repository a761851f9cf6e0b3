"""Metrics of one layer, a file each: ``registry`` finds every module of this folder."""
