"""What changes a store after it was measured: merging, removing, renaming, tagging, deriving."""
