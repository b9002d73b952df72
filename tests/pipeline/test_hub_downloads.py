"""Downloads into one cache by several processes, and into caches that other tools filled."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from ecg_pipeline.model_hub.cache import HubCache
from ecg_pipeline.model_hub.contents import WHISPER
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault
from ecg_pipeline.model_hub.hub import ModelHub as Hub
from ecg_pipeline.model_hub.hub import Repository
from ecg_pipeline.ports import ModelDownload
from support.hub_models import WHISPER as NAME
from support.model_hub import Fault, ModelHub, commit_of, digest_of

WANTED = Repository(NAME, WHISPER)


@pytest.fixture
def server() -> Iterator[ModelHub]:
    with ModelHub() as hub:
        yield hub


@pytest.fixture
def hub(server: ModelHub, tmp_path: Path) -> Hub:
    return Hub(server.url, HubCache(tmp_path), timeout_s=1.0)


def test_two_that_download_the_same_file_fetch_it_once(server: ModelHub, hub: Hub) -> None:
    server.break_down(Fault("slow", "model.bin", bytes_per_s=2_000_000))
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(hub.folder(WANTED))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(folders) == 2
    assert WHISPER.missing(folders[0]) == []
    assert len(server.asked("/cdn/")) == 1


def test_a_writer_that_hangs_is_not_waited_for_without_end(server: ModelHub, hub: Hub) -> None:
    blob = hub.cache.blob(NAME, digest_of(server.root / NAME / "model.bin"))
    with blob.with_name(f"{blob.name}.incomplete").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelFault, match="another process") as failed:
            hub.folder(WANTED)
    assert failed.value.kind is FaultKind.AWAY


def test_what_huggingface_hub_downloaded_is_used_and_the_other_way_round(
    server: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theirs, ours) = (tmp_path / "theirs", tmp_path / "ours")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    snapshot_download(NAME, cache_dir=theirs, endpoint=server.url, max_workers=1, etag_timeout=60)
    server.break_down()
    assert Hub(server.url, HubCache(theirs)).folder(WANTED).name == commit_of(NAME)
    assert server.requests == []
    folder = Hub(server.url, HubCache(ours)).folder(WANTED)
    assert snapshot_download(NAME, cache_dir=ours, local_files_only=True) == str(folder)


def test_a_cache_that_cannot_be_written_is_said(server: ModelHub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelFault, match="cannot be written") as failed:
        Hub(server.url, HubCache(tmp_path / "file")).folder(WANTED)
    assert failed.value.kind is FaultKind.DISK


def test_a_snapshot_without_its_weights_is_completed_with_them_alone(server: ModelHub, hub: Hub) -> None:
    folder = hub.folder(WANTED)
    (folder / "model.bin").resolve().unlink()
    server.break_down()
    assert hub.folder(WANTED) == folder
    assert WHISPER.missing(folder) == []
    assert len(server.requests) == 3, "the listing, the redirect and the file"


def test_who_listens_since_a_download_began_hears_of_the_rest(hub: Hub) -> None:
    heard: dict[str, list[ModelDownload]] = {"first": [], "second": []}

    def first(download: ModelDownload) -> None:
        heard["first"].append(download)
        hub.on_download = heard["second"].append

    hub.on_download = first
    hub.folder(WANTED)
    assert [download.bytes for download in heard["first"]] == [0]
    last = heard["second"][-1]
    assert (last.is_over, last.bytes) == (True, last.total_bytes)
