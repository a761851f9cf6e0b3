"""Programs that use embstore from beginning to end."""
