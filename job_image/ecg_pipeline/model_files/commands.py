"""`--pull-models`, `--list-models` and `--verify-models`: the configured models in the cache."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ecg_pipeline.engines.configured import ConfiguredModel, configured_models
from ecg_pipeline.model_hub.cache import is_intact
from ecg_pipeline.model_hub.contents import PYANNOTE_PIPELINE, other_repositories
from ecg_pipeline.model_hub.environment import model_hub
from ecg_pipeline.model_hub.faults import ModelFault
from ecg_pipeline.model_hub.hub import ModelHub, Repository
from ecg_pipeline.model_hub.manifest import Manifest, StoredFile, StoredModel, settings_digest, write_manifest
from ecg_pipeline.ports import ModelDownload
from ecg_pipeline.settings import PipelineSettings

_PROGRESS_S = 5.0
_MB = 1e6
Say = Callable[[str], None]


def pull(settings: PipelineSettings, languages: Collection[str], out: BinaryIO) -> int:
    """Download what the cache lacks, and write the manifest; returns the exit status, 1 where a model cannot be had."""
    hub, say = model_hub(settings), _lines(out)
    hub.on_download = _Progress(say)
    digest, stored, failures = settings_digest(settings), dict[str, StoredModel](), []
    try:
        write_manifest(hub.cache.root, Manifest(state="pulling", settings_digest=digest))
        for model in configured_models(settings, languages):
            try:
                for repository in _pulled(hub, model, say):
                    stored[repository.name] = _stored(hub, repository)
            except ModelFault as fault:
                failures.append(f"{model.purpose}: {fault}; {fault.advice(model.setting)}")
                say(f"FAIL  {failures[-1]}")
        state = "failed" if failures else "complete"
        done = Manifest(state=state, settings_digest=digest, models=list(stored.values()), failures=failures)
        write_manifest(hub.cache.root, done)
    except OSError as error:
        say(f"FAIL  {hub.cache.root} cannot be written: {error.strerror}; set HF_HOME to a folder that can be")
        return 1
    say(f"{len(stored)} repositories, {_size(stored.values())}, in {hub.cache.root}")
    return 1 if failures else 0


def show(settings: PipelineSettings, languages: Collection[str], out: BinaryIO) -> int:
    """List the configured models and what of them is in the cache; 1 where one is not, or not completely."""
    hub, say, status = model_hub(settings), _lines(out), 0
    for model in configured_models(settings, languages):
        if model.is_local:
            say(f"OK    {model.purpose}: {model.name} is no model of the hub")
        elif hub.has(model.repository()):
            say(f"OK    {_described(hub, model)}")
        else:
            status = 1
            say(f"LACKS {model.purpose}: {model.name}; ecg models pull downloads it")
    return status


def verify(settings: PipelineSettings, languages: Collection[str], out: BinaryIO) -> int:
    """Read every file and compare its digest; 1 where one is missing or damaged. Changes nothing."""
    hub, say, status = model_hub(settings), _lines(out), 0
    for model in configured_models(settings, languages):
        if model.is_local:
            continue
        damaged = [file for repository in _cached(hub, model) for file in _damaged(hub, repository)]
        if damaged or not hub.has(model.repository()):
            status = 1
            what = f"damaged: {', '.join(damaged)}" if damaged else "files are missing"
            say(f"FAIL  {model.purpose}: {model.name}: {what}; ecg models pull downloads them again")
        else:
            say(f"OK    {_described(hub, model)}: every digest is right")
    return status


def _pulled(hub: ModelHub, model: ConfiguredModel, say: Say) -> Iterator[Repository]:
    """Its repositories, which are complete then. Raises ModelFault."""
    if model.is_local:
        return
    began = time.monotonic()
    _remove_damaged(hub, model)
    was_here = hub.has(model.repository())
    yield from _repositories(hub, model, fetch=True)
    how = "was here" if was_here else f"downloaded in {time.monotonic() - began:.1f} s"
    say(f"OK    {_described(hub, model)}, {how}")


def _remove_damaged(hub: ModelHub, model: ConfiguredModel) -> None:
    for repository in _cached(hub, model):
        folder = _folder(hub, repository)
        if folder is not None:
            hub.cache.remove_damaged(folder)


def _repositories(hub: ModelHub, model: ConfiguredModel, *, fetch: bool) -> Iterator[Repository]:
    """The model's own repository, and those that a pyannote pipeline in it names."""
    own = model.repository()
    folder = hub.folder(own) if fetch else _folder(hub, own)
    yield own
    if model.contents is not PYANNOTE_PIPELINE or folder is None:
        return
    for name, contents in other_repositories(folder):
        other = Repository(name, contents)
        if fetch:
            hub.folder(other)
        yield other


def _cached(hub: ModelHub, model: ConfiguredModel) -> list[Repository]:
    return [one for one in _repositories(hub, model, fetch=False) if _folder(hub, one) is not None]


def _folder(hub: ModelHub, repository: Repository) -> Path | None:
    return hub.cache.snapshot(repository.name, repository.revision or "main")


def _stored(hub: ModelHub, repository: Repository) -> StoredModel:
    folder = _folder(hub, repository)
    assert folder is not None
    files = [
        StoredFile(name=str(file.relative_to(folder)), bytes=blob.stat().st_size, digest=blob.name)
        for file, blob in hub.cache.linked(folder)
    ]
    return StoredModel(repository=repository.name, commit=folder.name, files=sorted(files, key=lambda file: file.name))


def _damaged(hub: ModelHub, repository: Repository) -> list[str]:
    folder = _folder(hub, repository)
    linked = hub.cache.linked(folder) if folder else ()
    return [str(file.name) for file, blob in linked if not is_intact(blob, blob.name)]


def _described(hub: ModelHub, model: ConfiguredModel) -> str:
    stored = [_stored(hub, repository) for repository in _cached(hub, model)]
    return f"{model.purpose}: {model.name}, {stored[0].repository}@{stored[0].commit[:12]}, {_size(stored)}"


def _size(models: Collection[StoredModel]) -> str:
    return f"{sum(file.bytes for model in models for file in model.files) / _MB:,.1f} MB"


def _lines(out: BinaryIO) -> Say:
    def say(line: str) -> None:
        out.write(f"{line}\n".encode())
        out.flush()

    return say


class _Progress:
    """A line every five seconds while a model is downloaded."""

    def __init__(self, say: Say) -> None:
        self._say, self._at = say, 0.0

    def __call__(self, download: ModelDownload) -> None:
        if download.is_over or download.seconds < _PROGRESS_S or time.monotonic() - self._at < _PROGRESS_S:
            return
        self._at = time.monotonic()
        self._say(f"      {download.model}: {download.bytes / _MB:,.0f} of {download.total_bytes / _MB:,.0f} MB")
