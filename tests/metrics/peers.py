"""scikit-dimension, imported without the warnings that it gives on import."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import skdim as skdim
