"""Wikipedia as a corpus: dumps and enwik8, fetched, parsed and cleaned."""
