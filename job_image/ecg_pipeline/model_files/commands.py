"""`--pull-models`, `--list-models` and `--verify-models`: the configured models in the cache."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ecg_pipeline.engines.configured import ConfiguredModel, configured_models
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
        for model in (one for one in configured_models(settings, languages) if not one.is_local):
            try:
                _pull(hub, model, say)
                stored |= {name: _stored(hub, name, folder) for name, folder in _snapshots(hub, model).items()}
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
        elif _is_complete(hub, model):
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
        folders = _snapshots(hub, model).values()
        damaged = [file.name for folder in folders for file, _ in hub.cache.damaged(folder)]
        if damaged or not _is_complete(hub, model):
            status = 1
            what = f"damaged: {', '.join(damaged)}" if damaged else "files are missing"
            say(f"FAIL  {model.purpose}: {model.name}: {what}; ecg models pull downloads them again")
        else:
            say(f"OK    {_described(hub, model)}: every digest is right")
    return status


def _pull(hub: ModelHub, model: ConfiguredModel, say: Say) -> None:
    """Have the cache contain its repositories. Raises ModelFault."""
    began = time.monotonic()
    for folder in _snapshots(hub, model).values():
        hub.cache.remove_damaged(folder)
    was_here = _is_complete(hub, model)
    for _ in _repositories(hub, model, fetch=True):
        pass
    how = "was here" if was_here else f"downloaded in {time.monotonic() - began:.1f} s"
    say(f"OK    {_described(hub, model)}, {how}")


def _repositories(hub: ModelHub, model: ConfiguredModel, *, fetch: bool) -> Iterator[Repository]:
    """The model's own repository, and those that a pyannote pipeline in it names."""
    own = model.repository()
    folder = hub.folder(own) if fetch else hub.snapshot(own)
    yield own
    if model.contents is not PYANNOTE_PIPELINE or folder is None:
        return
    for name, contents in other_repositories(folder):
        other = Repository(name, contents)
        if fetch:
            hub.folder(other)
        yield other


def _is_complete(hub: ModelHub, model: ConfiguredModel) -> bool:
    return all(hub.has(one) for one in _repositories(hub, model, fetch=False))


def _snapshots(hub: ModelHub, model: ConfiguredModel) -> dict[str, Path]:
    """The folders of its repositories that are in the cache, by the repository's name."""
    found = {one.name: hub.snapshot(one) for one in _repositories(hub, model, fetch=False)}
    return {name: folder for name, folder in found.items() if folder is not None}


def _stored(hub: ModelHub, name: str, folder: Path) -> StoredModel:
    files = [
        StoredFile(name=str(file.relative_to(folder)), bytes=blob.stat().st_size, digest=blob.name)
        for file, blob in hub.cache.linked(folder)
    ]
    return StoredModel(repository=name, commit=folder.name, files=sorted(files, key=lambda file: file.name))


def _described(hub: ModelHub, model: ConfiguredModel) -> str:
    stored = [_stored(hub, name, folder) for name, folder in _snapshots(hub, model).items()]
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
