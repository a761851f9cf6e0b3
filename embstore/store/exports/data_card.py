"""Describes an export for a data-set hub: a card for people, Croissant metadata for programs."""

import json
from collections.abc import Mapping, Sequence

from embstore.common.messages import listed, visible
from embstore.store.exports.export_files import Manifest, fact_path
from embstore.store.exports.kept_words import BEGIN, END
from embstore.store.table_names import FACTS, NUMBERS

_TITLE = "Geometry of transformer hidden states"
_ABOUT = {
    "measurement": "one row per number: run, stack, layer, scope, metric, value and its error",
    "layer": "the measured states of each run, with the tokens behind them",
    "spectrum": "covariance spectra",
    "massive_activation": "the largest coordinates of each layer",
    "dimension_curve": "intrinsic dimension by scale",
    "angular_distance": "angles between the layers of a stack",
    "run": "what decided the numbers, and how they were made",
    "model": "models",
    "checkpoint": "their weights at a revision",
    "corpus": "texts",
    "metric": "definitions of the metrics",
    "failure": "checkpoints that could not be measured",
    "tag_change": "tags given after measuring",
    "derivation": "which numbers were computed later, from spectra",
    "score": "scores from elsewhere, as evaluations name their models",
}
# The first that a hub shows.
_FIRST = "measurement"
_MOST_MODELS = 30

# What a column is called in Croissant.
_TYPES = {
    "VARCHAR": "sc:Text",
    "INTEGER": "cr:Int32",
    "BIGINT": "cr:Int64",
    "DOUBLE": "cr:Float64",
    "FLOAT": "cr:Float32",
    "BOOLEAN": "sc:Boolean",
    "TIMESTAMP WITH TIME ZONE": "sc:DateTime",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def data_card(manifest: Manifest, models: Sequence[str]) -> str:
    """Return the README of an export: what a hub reads of it, and what people should know."""
    order = (_FIRST, *(table for table in (*NUMBERS, *FACTS) if table != _FIRST))
    present = [table for table in order if table in NUMBERS or table in manifest.tables]
    rows = {table: _rows(manifest, table) for table in present}
    # JSON is YAML, and quotes whatever a name holds.
    configs = "configs:\n" + "".join(
        f"- config_name: {table}\n"
        + ("  default: true\n" if table == _FIRST else "")
        + f"  data_files: {json.dumps(_pattern(manifest, table))}\n"
        for table in present
        if rows[table]
    )
    if not manifest.runs:
        configs = ""
    tables = "".join(f"| `{t}` | {rows[t]:,} | {_ABOUT[t]} |\n" for t in present)
    named = listed([f"`{visible(name).replace('`', '')}`" for name in models], most=_MOST_MODELS)
    return f"""---
pretty_name: {json.dumps(_TITLE)}
tags:
- embstore
- interpretability
- intrinsic-dimension
- anisotropy
{configs}---

# {_TITLE}

{BEGIN}

Measured by [embstore](https://pypi.org/project/embstore/) {manifest.embstore_version}:
{len(manifest.runs):,} runs, {rows[_FIRST]:,} numbers, of {named or "no models yet"}.

| table | rows | what it holds |
|---|---|---|
{tables}
Every table of numbers has a `run_id`; `run`, `checkpoint`, `model` and `corpus` have the names and
how the numbers were made. NULL is a number that is undefined, and `reason` says why.

The folder is a store: ask it where it lies, or take it into one of your own.

```sh
embstore query layer_profile --store FOLDER_OR_ADDRESS
embstore import FOLDER
```

Its address on a hub is that of the folder of files, such as
`https://huggingface.co/datasets/NAME/resolve/main`. Files that `manifest.json` does not list do
not count. `croissant.json` describes the tables to programs.

{END}
"""


def _rows(manifest: Manifest, table: str) -> int:
    if table in FACTS:
        return manifest.tables[table].rows
    return sum(files[table].rows for files in manifest.runs.values() if table in files)


def _pattern(manifest: Manifest, table: str) -> str:
    if table in FACTS:
        return fact_path(table, manifest.tables[table])
    return f"runs/*/{_renewable(table)}.parquet"


def _renewable(table: str) -> str:
    """Return a pattern of the names that the files of a table of numbers have."""
    # Only numbers are derived later, which gives their file another name.
    return f"{table}*" if table == _FIRST else table


def croissant(manifest: Manifest, columns: Mapping[str, Mapping[str, str]]) -> str:
    """Return the Croissant metadata (version 1.0) of an export.

    Args:
        manifest: which files it has.
        columns: of each table, the DuckDB type of each column.
    """
    repository = {
        "@type": "cr:FileObject",
        "@id": "repo",
        "name": "repo",
        "description": "The folder of the export.",
        "contentUrl": ".",
        "encodingFormat": "git+https",
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }
    facts = [
        {
            "@type": "cr:FileObject",
            "@id": f"{table}-file",
            "name": f"{table}-file",
            "containedIn": {"@id": "repo"},
            "contentUrl": fact_path(table, file),
            "contentSize": f"{file.size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file.sha256,
        }
        for table, file in sorted(manifest.tables.items())
    ]
    numbers = [
        {
            "@type": "cr:FileSet",
            "@id": f"{table}-files",
            "name": f"{table}-files",
            "containedIn": {"@id": "repo"},
            "encodingFormat": "application/x-parquet",
            "includes": f"runs/*/{_renewable(table)}.parquet",
        }
        for table in NUMBERS
    ]
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "embstore-export",
        "description": f"{_TITLE}, layer by layer, as embstore measured them.",
        "version": manifest.embstore_version,
        "distribution": [repository, *facts, *numbers],
        "recordSet": [
            _record_set(table, columns[table]) for table in (*NUMBERS, *sorted(manifest.tables))
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _record_set(table: str, columns: Mapping[str, str]) -> dict[str, object]:
    of = {"fileObject": {"@id": f"{table}-file"}}
    if table in NUMBERS:
        of = {"fileSet": {"@id": f"{table}-files"}}
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": _ABOUT[table],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table}/{column}",
                "name": column,
                "dataType": _TYPES[type_.removesuffix("[]")],
                **({"repeated": True} if type_.endswith("[]") else {}),
                "source": {**of, "extract": {"column": column}},
            }
            for column, type_ in columns.items()
        ],
    }
