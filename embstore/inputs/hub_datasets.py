"""Data sets of the Hugging Face Hub and local folders of data files, read as streams."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from embstore.common.messages import listed, one_line
from embstore.common.paths import expanded, is_folder
from embstore.errors import CorpusError
from embstore.inputs.json_parquet import column_of, text_of

if TYPE_CHECKING:
    from datasets import Dataset

PREFIX = "hf:"
_FORM = "hf:DATASET[/CONFIG][:SPLIT]"


@dataclass(frozen=True)
class DatasetAddress:
    """Which split of which configuration of a data set; ``path`` is a folder or a Hub id."""

    path: str
    config: str | None
    split: str
    is_folder: bool

    @property
    def name(self) -> str:
        """What the corpus is called; says nothing of where a folder lies."""
        path = Path(self.path).resolve().name if self.is_folder else self.path
        config = f"/{self.config}" if self.config else ""
        return f"{path}{config}" + (f":{self.split}" if self.split != "train" else "")


def parse_address(spec: str) -> DatasetAddress:
    """Read ``hf:DATASET[/CONFIG][:SPLIT]``; a folder that exists is taken as one.

    Raises:
        CorpusError: the address has another form.

    >>> parse_address("hf:Salesforce/wikitext/wikitext-2-raw-v1:test").name
    'Salesforce/wikitext/wikitext-2-raw-v1:test'
    """
    address = spec.removeprefix(PREFIX)
    folder, _, folder_split = address.rpartition(":")
    for path, split in ((address, "train"), (folder, folder_split)):
        if path and is_folder(expanded(path)):
            return DatasetAddress(expanded(path), None, split or "train", True)
    head, _, split = address.partition(":")
    parts = head.split("/")
    # No name on the Hub begins so: what was meant is a folder.
    if not all(parts) or len(parts) > 3 or head[0] in ".~":
        raise CorpusError(
            f"not the address of a data set, and no such folder; give {_FORM}, where DATASET is"
            " NAME or OWNER/NAME"
        )
    config = parts[2] if len(parts) == 3 else None
    return DatasetAddress("/".join(parts[:2]), config, split or "train", False)


def read_dataset(address: DatasetAddress, field: str) -> Generator[Iterable[str], None, None]:
    """Yield the text of each record as it arrives; nothing is downloaded beforehand.

    No code of a data set is run: it has to consist of data files.

    Raises:
        CorpusError: the package is not installed, the data set, its split or its field is
            not there, or the Hub cannot be reached.
    """
    for number, (record, is_file) in enumerate(_records(address, field), start=1):
        if text := text_of(record, field, f"record {number:,}"):
            # A file's text ends as it does where the file itself is given.
            yield (record[field] if is_file else text,)


def _records(address: DatasetAddress, field: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield each record, and whether it is a file of plain text as a whole."""
    if find_spec("datasets") is None:
        raise CorpusError(
            "data sets need the hf extra, which is not installed; run: pip install 'embstore[hf]'"
        )
    # Here and not above: importing it takes a second, and the package is optional.
    from datasets import load_dataset_builder

    if address.is_folder and is_saved(Path(address.path)):
        yield from ((record, False) for record in _saved_records(address, field))
        return
    try:
        # From version 4 on, datasets cannot run the script of a data set at all.
        builder = load_dataset_builder(address.path, address.config)
        is_file = hasattr(builder.config, "sample_by")
        if is_file:
            # Plain text: each file is a document, as it is where the file itself is given;
            # unless told, datasets makes a record of each line and drops the blank ones.
            builder = load_dataset_builder(
                address.path, address.config, sample_by="document", encoding="utf-8-sig"
            )
        dataset = builder.as_streaming_dataset(split=address.split)
        names = cast("list[str] | None", dataset.column_names)
        if names is not None:
            # Leave out other columns: decoding their pictures or sound takes time.
            dataset = dataset.select_columns([column_of(names, field)])
        for record in dataset:
            yield record, is_file
    except CorpusError:
        raise
    # What datasets raises depends on the reader of the files and on the Hub's client.
    except Exception as error:
        raise _refused(address, error) from error


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by ``save_to_disk``."""
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json"))


def _saved_records(address: DatasetAddress, field: str) -> Iterator[dict[str, str]]:
    from datasets import DatasetDict, load_from_disk

    try:
        dataset = load_from_disk(address.path)
        if isinstance(dataset, DatasetDict):
            dataset = _split_of(dataset, address)
        yield from dataset.select_columns([column_of(dataset.column_names, field)])
    except CorpusError:
        raise
    except Exception as error:
        raise _refused(address, error) from error


def _split_of(splits: "Mapping[str, Dataset]", address: DatasetAddress) -> "Dataset":
    if address.split not in splits:
        raise CorpusError(
            f"data set {address.path!r} has no split {address.split!r}; it has {listed(splits)}"
        )
    return splits[address.split]


def _refused(address: DatasetAddress, error: Exception) -> CorpusError:
    if isinstance(error, ConnectionError):
        advice = "connect to the network, or give hf: and a folder that holds the data set's files"
    elif isinstance(error, FileNotFoundError):
        advice = "check its name, and log in with `hf auth login` where it is private"
    else:
        advice = f"give {_FORM} with a configuration and a split that it has"
    return CorpusError(f"data set {address.path!r} cannot be read ({one_line(error)}); {advice}")
