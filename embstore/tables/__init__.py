"""An Arrow table, written for people or for programs."""
