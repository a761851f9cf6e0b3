"""Reads where the anisotropy of the last checkpoints peaks, and whether its profile is a bell."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from embstore.choices import SCOPES
from embstore.report.read.questions import ask
from embstore.report.records import Contents

if TYPE_CHECKING:
    from embstore.store.database import Database

Outline = Literal["bell", "valley", "rising", "falling", "flat", "open"]

# Two parts of a profile differ where they do so by so many standard errors, and so much.
ERRORS = 3.0
LEAST_CONTRAST = 0.1


@dataclass(frozen=True)
class AnisotropyProfile:
    """The anisotropy of a model's last checkpoint along the depth of one stack, over one text.

    Attributes:
        run: place of the run.
        model: its label.
        kind: of the model.
        text: of the run.
        stack: of the layers.
        scope: which tokens count.
        peak_layer: number of the highest layer, 0 for the embedding.
        peak_depth: its relative depth.
        peak_value: anisotropy there.
        contrast: how far the middle third of the depth lies above the mean of both ends; None
            where one of them has no value.
        ci_low: lower end of the contrast's interval; None without standard errors.
        ci_high: its upper end.
        outline: the shape of the profile; open where the errors leave it so.
    """

    run: int
    model: str
    kind: str
    text: str
    stack: str
    scope: str
    peak_layer: int
    peak_depth: float
    peak_value: float
    contrast: float | None
    ci_low: float | None
    ci_high: float | None
    outline: Outline


def read_profiles(database: "Database", contents: Contents) -> tuple[AnisotropyProfile, ...]:
    """Read the profiles of the last checkpoints that were trained, by run id."""
    if not contents.newest:
        return ()
    place_of = contents.place_of
    labels = contents.labels
    newest = {place for place in contents.newest if not contents.runs[place]["untrained"]}
    rows = ask(
        database,
        "bell_shape",
        models=contents.models_asked,
        revisions=contents.newest_revisions,
        scopes=SCOPES,
        z=ERRORS,
        least_contrast=LEAST_CONTRAST,
    )
    return tuple(
        AnisotropyProfile(
            run=place,
            model=labels[place].model,
            kind=labels[place].kind,
            text=labels[place].text,
            stack=row["stack"],
            scope=row["scope"],
            peak_layer=row["peak_layer"],
            peak_depth=row["peak_depth"],
            peak_value=row["peak_value"],
            contrast=row["contrast"],
            ci_low=row["ci_low"],
            ci_high=row["ci_high"],
            outline=row["shape"],
        )
        for row in sorted(rows, key=lambda row: str(row["run_id"]))
        if (place := place_of.get(row["run_id"])) in newest and row["peak_value"] is not None
    )
