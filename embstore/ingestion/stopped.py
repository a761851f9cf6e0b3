"""How a thread learns that the ingest ends."""


class Stopped(BaseException):
    """What was measured elsewhere is ended: the ingest ends, and nobody waits for it."""
