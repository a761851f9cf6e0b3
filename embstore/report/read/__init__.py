"""What the report reads from the store."""
