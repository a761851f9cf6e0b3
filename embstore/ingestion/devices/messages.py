"""What an ingest and the processes that measure for it tell each other."""

from dataclasses import dataclass

from embstore.ingestion.one_checkpoint import Result


@dataclass(frozen=True)
class Progressed:
    """How far a job is: stage, done, total."""

    report: tuple[str, int, int]


@dataclass(frozen=True)
class Failed:
    """Why a job could not be done, one line, and whether the process ends with it."""

    reason: str
    ends: bool = False


Answer = Progressed | Failed | Result
