"""An answer, to a picture."""
