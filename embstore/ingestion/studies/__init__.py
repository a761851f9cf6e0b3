"""Studies: TOML files that say what to measure; those that come with embstore lie here, too."""
