"""The Hugging Face Hub: revisions, files and digests, from its cache where it is out of reach.

Network errors are tried again with growing pauses. Where the Hub cannot be reached, or
``HF_HUB_OFFLINE`` is set, what its cache on this machine holds is used.
"""

import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from huggingface_hub import (
    CachedRepoInfo,
    HfApi,
    constants,
    scan_cache_dir,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    CacheNotFound,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from embstore.checkpoints.silence import quiet
from embstore.common.messages import one_line
from embstore.errors import ModelError

Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)

# The base class of every error of the HTTP library, which differs between hub releases.
_HTTP_ERROR: type[Exception] = HfHubHTTPError.__mro__[1]
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_TOO_MANY, _TIMED_OUT, _SERVER_ERROR = 429, 408, 500
_SHA256 = re.compile(r"[0-9a-f]{64}")
# One of them stands at the top of every repository that can be measured.
_CONFIGS = ("config.json", "adapter_config.json")


@dataclass(frozen=True)
class HubFile:
    """A file at the top of a repository: its bytes, and its SHA-256 where the Hub knows it."""

    size: int
    sha256: str | None


@dataclass(frozen=True)
class Snapshot:
    """A repository at a revision.

    Attributes:
        repository: its id.
        revision: the name that it was asked for by.
        commit: which commit that is.
        files: by name; folders in it are left out.
        was_here: some of it was in the cache of this machine when it was looked up.
    """

    repository: str
    revision: str
    commit: str
    files: Mapping[str, HubFile]
    was_here: bool = False

    def missing(self, names: Collection[str]) -> tuple[str, ...]:
        """Return which of these files are still to be downloaded."""
        return tuple(name for name in names if not self._is_cached(name))

    def _is_cached(self, name: str) -> bool:
        found = try_to_load_from_cache(self.repository, name, revision=self.commit)
        return isinstance(found, str)


def list_revisions(repository: str) -> list[str]:
    """List branches and tags; without the Hub, those that its cache here holds.

    Raises:
        ModelError: no such repository.
    """
    with _explained(repository):
        try:
            refs = _with_retries(lambda: HfApi().list_repo_refs(repository))
        except (_HTTP_ERROR, OSError) as error:
            cached = _cached_refs(repository)
            if not cached or _is_refusal(error):
                raise
            _tell_unreachable(repository)
            return sorted(cached)
    return sorted({ref.name for ref in [*refs.branches, *refs.tags]})


def look_up(repository: str, revision: str) -> Snapshot:
    """Ask what files a revision has; without the Hub, which of them its cache here holds.

    Raises:
        ModelError: no such repository or revision.
    """
    with _explained(repository, revision):
        try:
            info = _with_retries(
                lambda: HfApi().model_info(repository, revision=revision, files_metadata=True)
            )
        except (_HTTP_ERROR, OSError) as error:
            cached = _cached_snapshot(repository, revision)
            if cached is None or _is_refusal(error):
                raise
            _tell_unreachable(repository)
            return cached
    files = {
        file.rfilename: HubFile(file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or []
        if "/" not in file.rfilename
    }
    commit = info.sha or revision
    return Snapshot(repository, revision, commit, files, _is_here(repository, commit))


def fetch(snapshot: Snapshot, names: Collection[str]) -> Path:
    """Download files that are not here yet, and return the folder that has them.

    Raises:
        ModelError: they cannot be had.
    """
    with _explained(snapshot.repository, snapshot.revision), quiet():
        folder = Path(
            _with_retries(
                # Ask by the revision's name: the cache then finds it by that name offline.
                lambda: snapshot_download(
                    snapshot.repository,
                    revision=snapshot.revision,
                    allow_patterns=[_literally(name) for name in names],
                )
            )
        )
    if folder.name != snapshot.commit:
        raise ModelError(
            f"{snapshot.repository}@{snapshot.revision} has changed on the Hub meanwhile; try again"
        )
    return folder


def evict(snapshot: Snapshot, downloaded: Collection[str]) -> int:
    """Delete downloads from the Hub's cache here, and return the bytes that freed.

    Args:
        snapshot: of which repository and commit; if nothing of it was here when it was looked up,
            all of it goes.
        downloaded: else only these of its files go, and what was here before stays.
    """
    cache = scan_cache_dir(constants.HF_HUB_CACHE)
    # A repository that was renamed has the same commits in a folder of its older name.
    repos = frozenset(repo for repo in cache.repos if _is_model(repo, snapshot.repository))
    if not snapshot.was_here:
        strategy = replace(cache, repos=repos).delete_revisions(snapshot.commit)
        strategy.execute()
        freed: int = strategy.expected_freed_size
    else:
        freed = sum(_delete_files(repo, snapshot.commit, downloaded) for repo in repos)
    _LOG.info("%s: %s bytes freed", snapshot.repository, freed)
    return freed


def _delete_files(repo: CachedRepoInfo, commit: str, names: Collection[str]) -> int:
    """Delete some files of one revision; those that another one has, too, only there."""
    freed = 0
    of_others = {
        file.blob_path
        for revision in repo.revisions
        if revision.commit_hash != commit
        for file in revision.files
    }
    for revision in repo.revisions:
        for file in revision.files if revision.commit_hash == commit else ():
            if file.file_path.parent == revision.snapshot_path and file.file_name in names:
                file.file_path.unlink(missing_ok=True)
                if file.blob_path not in of_others:
                    file.blob_path.unlink(missing_ok=True)
                    freed += file.size_on_disk
    return freed


def _with_retries(ask: Callable[[], Result]) -> Result:
    """Ask again after errors that may pass: broken connections, time-outs, a busy server."""
    for pause in _PAUSES:
        try:
            return ask()
        except (_HTTP_ERROR, OSError) as error:
            if not _may_pass(error):
                raise
            # Many processes that were refused at once should not all come back at once.
            seconds = pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            _LOG.info("%s; trying again in %.1f s", one_line(error), seconds)
            time.sleep(seconds)
    return ask()


def _may_pass(error: BaseException) -> bool:
    """Tell whether the same request may succeed a little later."""
    if isinstance(error, HfHubHTTPError):
        status = getattr(error.response, "status_code", None)
        return status is not None and (status >= _SERVER_ERROR or status in (_TOO_MANY, _TIMED_OUT))
    if isinstance(error, OfflineModeIsEnabled):
        return False
    if isinstance(error, LocalEntryNotFoundError):
        # The client raises this after trying its cache; the cause is the network's error.
        cause = error.__cause__ or error.__context__
        return cause is not None and _may_pass(cause)
    return isinstance(error, _HTTP_ERROR | ConnectionError | TimeoutError)


def _is_refusal(error: Exception) -> bool:
    """Tell whether the Hub did answer, so that its cache must not answer instead."""
    return isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | HFValidationError)


def _tell_unreachable(repository: str) -> None:
    _LOG.info("%s: the Hub cannot be reached; using its cache on this machine", repository)


@contextlib.contextmanager
def _explained(repository: str, revision: str | None = None) -> Iterator[None]:
    """Turn the Hub's errors into ours, which say what to do."""
    try:
        yield
    except RevisionNotFoundError as error:
        raise ModelError(
            f"{repository} has no revision {revision!r}; its page lists branches and tags"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"no such model: {repository} is neither a local path nor a public Hub model; "
            "check the spelling, or log in if it is private"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, HfHubHTTPError):
            raise ModelError(_no_answer(repository, cause)) from error
        raise ModelError(_not_here(repository, revision)) from error
    except HfHubHTTPError as error:
        raise ModelError(_no_answer(repository, error)) from error
    except (_HTTP_ERROR, ConnectionError, TimeoutError) as error:
        raise ModelError(_not_here(repository, revision)) from error
    except OSError as error:
        raise ModelError(_no_answer(repository, error)) from error


def _no_answer(repository: str, error: Exception) -> str:
    return f"cannot fetch {repository} from the Hub: {one_line(error)}; try again later"


def _not_here(repository: str, revision: str | None) -> str:
    label = f"{repository}@{revision}" if revision not in (None, "main") else repository
    return (
        f"no such model here: {label} is neither a local path nor in the Hub cache, "
        "and the Hub cannot be reached; check the spelling and the connection"
    )


def _is_model(repo: CachedRepoInfo, repository: str) -> bool:
    return repo.repo_id == repository and repo.repo_type == "model"


def _is_here(repository: str, commit: str) -> bool:
    """Tell whether the cache here has anything of a commit."""
    home = repo_folder_name(repo_id=repository, repo_type="model")
    snapshot = Path(constants.HF_HUB_CACHE) / home / "snapshots" / commit
    return snapshot.is_dir() and any(snapshot.iterdir())


def _cached_refs(repository: str) -> set[str]:
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return set()
    return {
        ref
        for repo in cache.repos
        if _is_model(repo, repository)
        for revision in repo.revisions
        for ref in revision.refs
    }


def _cached_snapshot(repository: str, revision: str) -> Snapshot | None:
    for config in _CONFIGS:
        found = try_to_load_from_cache(repository, config, revision=revision)
        if isinstance(found, str):
            folder = Path(found).parent
            files = {file.name: _cached_file(file) for file in folder.iterdir() if file.is_file()}
            return Snapshot(repository, revision, folder.name, files, was_here=True)
    return None


def _cached_file(file: Path) -> HubFile:
    # The cache names large files by their SHA-256, small ones by their Git hash.
    blob = file.resolve().name
    return HubFile(file.stat().st_size, blob if _SHA256.fullmatch(blob) else None)


def _literally(name: str) -> str:
    """Escape what a file-name pattern would interpret."""
    return re.sub(r"([*?\[])", r"[\1]", name)
