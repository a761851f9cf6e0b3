"""What connections to DuckDB are told when they are opened."""

# Never fetch or load an extension by itself (DuckDB would, for a SQLite file),
# and never read a caller's Python variable that is called like a table.
WRITING = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
# Rows that are handed over are written sooner by one thread than by several that wait for each
# other; what other stores give is read by all.
WRITING_ROWS = {**WRITING, "threads": "1"}
# What is to reach files says which, before ``enable_external_access`` is taken away.
IN_MEMORY = {**WRITING, "allow_community_extensions": "false"}
READING = {**IN_MEMORY, "enable_external_access": "false"}
