"""A small store with everything a page must stand: hostile names, gaps, failures, two stacks."""

from datetime import UTC, datetime
from pathlib import Path

from embstore.choices import Scope
from embstore.store.database import Database
from embstore.store.writing import write_failure
from embstore.types import Failure, LayerKey
from tests.stores import new_store
from tests.synthetic import bell, make_run

SCRIPT = "</script><img src=x onerror=\"document.title='owned'\">"
FORMULA = '=HYPERLINK("http://example.org")'
TEMPLATE = "{{title}} ${alert(1)} <!-- --> &lt;b&gt; \u202e\u2028 'quoted'"
_NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def gappy(metric: str, key: LayerKey, scope: Scope, depth: float) -> float | None:
    """A bell without a dimension in one layer."""
    if metric == "twonn" and key.layer == 2:
        return None
    return bell(metric, key, scope, depth)


def fill(path: Path) -> Database:
    """Fill a new store; every name that can come from outside is hostile somewhere."""
    database = new_store(
        path,
        [
            *(
                make_run(
                    name=SCRIPT,
                    revision=f"step{step} {SCRIPT}",
                    step=step,
                    tokens_seen=step * 2048,
                    corpus=SCRIPT,
                    tags={"note": SCRIPT, SCRIPT: "value"},
                    values=gappy,
                    created_at=_NOW,
                )
                for step in (0, 10, 1000, 20000, 143000)
            ),
            make_run(name=FORMULA, kind="encoder", corpus=SCRIPT),
            make_run(name=TEMPLATE, kind="encoder-decoder", corpus=SCRIPT),
            make_run(name="lab/plain", corpus=TEMPLATE, architecture=SCRIPT),
        ],
    )
    write_failure(
        database,
        Failure(
            model=SCRIPT,
            revision="step99",
            stage="load",
            reason=f"broken {SCRIPT}",
            corpus=SCRIPT,
            failed_at=_NOW,
            embstore_version="0.1.0",
        ),
    )
    return database
