"""Tools that know nothing of the domain: files, folders, workers, compiled loops."""
