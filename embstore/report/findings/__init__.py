"""What the numbers show, in sentences."""
