"""The terminal face: commands that parse, call the library and print. Nothing is decided here."""
