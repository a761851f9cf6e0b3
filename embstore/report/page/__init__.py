"""The page: sections, style and scripts, in one file."""
