"""The folder of a model: the cache's where that is complete, else the hub's files downloaded into it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from ecg_pipeline.model_hub.cache import HubCache
from ecg_pipeline.model_hub.client import HubClient, HubFile, Listing
from ecg_pipeline.model_hub.contents import Contents
from ecg_pipeline.model_hub.download import FileDownload, disk_faults
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault, reason_of
from ecg_pipeline.model_hub.patience import Patience
from ecg_pipeline.model_hub.progress import DownloadProgress
from ecg_pipeline.model_hub.pulled import PulledModels
from ecg_pipeline.ports import ModelDownload, OnModelDownload

T = TypeVar("T")
_log = logging.getLogger(__name__)
DEFAULT_REVISION = "main"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the hub at a revision, and what is loaded of it."""

    name: str
    contents: Contents
    revision: str | None = None


@dataclass
class ModelHub:
    """The hub at `endpoint` and the cache in `cache`; `offline` takes models from the cache alone."""

    endpoint: str
    cache: HubCache
    token: str | None = None
    timeout_s: float = 10.0
    offline: bool = False
    on_download: OnModelDownload | None = None
    pulled: PulledModels | None = None
    """Another process that brings models into this cache, which is waited for."""

    def load(self, repository: Repository, build: Callable[[Path], T], *, cached_only: bool = False) -> T:
        """What `build` makes of the repository's folder. A file that was damaged on the disk is downloaded once more.

        Raises ModelFault and what `build` raises.
        """
        folder = self.folder(repository, cached_only=cached_only)
        try:
            return build(folder)
        except Exception as error:
            if not self._remove_damaged(folder, repository.name):
                raise
            _log.error("model_loaded_again", extra={"model": repository.name, "reason": type(error).__name__})
        return build(self.folder(repository, cached_only=cached_only))

    def folder(self, repository: Repository, *, cached_only: bool = False) -> Path:
        """The folder with the repository's files, without a request where the cache has them. Raises ModelFault."""
        cached = self._cached(repository)
        if cached is not None:
            return cached
        if self.pulled is not None and not cached_only:
            cached = self.pulled.wait_for(lambda: self._cached(repository), repository.name, self._tell)
            if cached is not None:
                return cached
        if self.offline or cached_only:
            lacking = f"{repository.name} is not, or not completely, in the cache {self.cache.root}"
            why = "HF_HUB_OFFLINE is set" if self.offline else "nothing is downloaded now"
            failure = self.pulled.failure if self.pulled is not None else ""
            raise ModelFault(FaultKind.OFFLINE, repository.name, f"{lacking}, and {why}{failure}")
        return self._download(repository, repository.revision or DEFAULT_REVISION)

    def _tell(self, download: ModelDownload) -> None:
        """To the job that runs now, which may have begun since the download did."""
        if self.on_download is not None:
            self.on_download(download)

    def _remove_damaged(self, folder: Path, model: str) -> list[str]:
        """Raises ModelFault where there are damaged files and the cache cannot be written."""
        try:
            return self.cache.remove_damaged(folder)
        except OSError as error:
            found = f"a file of {model} is damaged in the cache {self.cache.root}, which cannot be written"
            raise ModelFault(FaultKind.DAMAGED_CACHE, model, found) from error

    def has(self, repository: Repository) -> bool:
        """Whether the cache has all files of the repository."""
        return self._cached(repository) is not None

    def snapshot(self, repository: Repository) -> Path | None:
        """The repository's folder in the cache; it may lack files."""
        return self.cache.snapshot(repository.name, repository.revision or DEFAULT_REVISION)

    def _cached(self, repository: Repository) -> Path | None:
        cached = self.snapshot(repository)
        return cached if cached and not repository.contents.missing(cached) else None

    def _download(self, repository: Repository, revision: str) -> Path:
        model = repository.name
        client = HubClient(self.endpoint, self.token, self.timeout_s)
        patience = Patience(model, urlsplit(self.endpoint).netloc, self.timeout_s)
        listing = _listing(client, model, revision, patience)
        files = _smallest_first(listing, repository.contents)
        with disk_faults(model, self.cache.root), DownloadProgress(model, files, self._tell) as progress:
            for file in files:
                progress.add(self.cache.stored_bytes(model, file.digest))
                FileDownload(client, self.cache, model, listing.commit, progress.add).run(file, patience)
            return self.cache.remember(model, revision, listing.commit)


def _listing(client: HubClient, model: str, revision: str, patience: Patience) -> Listing:
    while True:
        try:
            return client.listing(model, revision)
        except httpx.HTTPError as error:
            patience.wait_or_give_up(reason_of(error))
        except (ValueError, KeyError):
            patience.wait_or_give_up("its answer is no list of files")


def _smallest_first(listing: Listing, contents: Contents) -> list[HubFile]:
    """So that a folder that has its weights has all the rest."""
    chosen = set(contents.choose([file.name for file in listing.files]))
    return sorted((file for file in listing.files if file.name in chosen), key=lambda file: file.size or 0)
