"""Content-hash ids: the same work has the same id on every machine."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from embstore.types import Checkpoint, Configuration, Corpus, Model, Run

# What came after the first ids, with what all runs were until then: runs had errors before they
# could be had without, read their text as one, and did not shuffle it.
_LATER = {"intervals": True, "windows": "tokens", "shuffle": "none"}


def content_id(content: object) -> str:
    """Return 32 hex characters that stand for ``content``.

    The SHA-256 of its canonical JSON (sorted keys, no spaces), cut to 128 bits.
    Key order does not matter; every value does.

    >>> content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
    True
    >>> content_id({"a": 1})
    '015abd7f5cc57a2dd94b7590f04ad808'
    """
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def model_id(model: Model) -> str:
    """Identify a model by its name and architecture, not by where it was found."""
    facts = dataclasses.asdict(model)
    # The modality is known from the architecture, and came later than the first ids.
    del facts["source"], facts["modality"]
    return content_id({"model": facts})


def checkpoint_id(model_name: str, checkpoint: Checkpoint) -> str:
    """Identify a checkpoint by its model's name, its revision and its weights.

    Needs no loaded model, so that an ingest can ask what is stored already: the weights are
    told by their files, whose fingerprints the Hub states.
    """
    return content_id(
        {
            "model_name": model_name,
            "revision": checkpoint.revision,
            "weights_sha256": checkpoint.files_sha256 or checkpoint.weights_sha256,
        }
    )


def corpus_id(corpus: Corpus) -> str:
    """Identify a corpus by its cleaned text alone."""
    return content_id({"corpus_sha256": corpus.sha256})


def configuration_id(
    checkpoint: str,
    corpus: str,
    configuration: Configuration,
    metric_versions: Mapping[str, int],
) -> str:
    """Identify a piece of work: which weights, which text, measured how."""
    decisive = dataclasses.asdict(configuration)
    for name, usual in _LATER.items():
        if decisive[name] == usual:
            del decisive[name]
    return content_id(
        {
            "checkpoint_id": checkpoint,
            "corpus_id": corpus,
            "configuration": decisive,
            "metric_versions": dict(metric_versions),
        }
    )


def run_id(configuration: str, repeat: int) -> str:
    """Identify one doing of a piece of work; ``repeat`` counts forced ones from 0."""
    return content_id({"configuration_id": configuration, "repeat": repeat})


def configuration_id_of(run: Run) -> str:
    """Identify the piece of work that a run did."""
    return configuration_id(
        checkpoint_id(run.model.name, run.checkpoint),
        corpus_id(run.corpus),
        run.configuration,
        {metric.name: metric.version for metric in run.metrics},
    )


def run_id_of(run: Run) -> str:
    """Identify a run."""
    return run_id(configuration_id_of(run), run.repeat)
