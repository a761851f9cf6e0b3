"""What the rows of a built-in question show, in the one sentence that titles its chart."""
