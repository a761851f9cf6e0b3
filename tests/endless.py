"""A question that nobody waits for the end of: for tests of what stops one."""

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"
