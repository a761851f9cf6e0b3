"""Lets ``python -m embstore`` do what the command ``embstore`` does."""

from embstore.cli.main import main

main()
