"""What lists are made of in a cluster: a watch's VideoJobs, or the API server's own list."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ecg_api.kubernetes.job_index import JobIndex
from ecg_api.kubernetes.store import Listing, VideoJobStore
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_api.ports import JobQuery
from ecg_cluster.client import Cluster
from ecg_cluster.results import ClusterResults
from ecg_dev.waiting import wait_until_async
from support.cluster_jobs import VideoJobs
from support.submissions import submission


class CountingClient(VideoJobClient):
    """Counts the lists that it asks the API server for."""

    lists = 0

    async def list_manifests(self) -> Sequence[dict[str, object]]:
        self.lists += 1
        return await super().list_manifests()


@asynccontextmanager
async def _store(connection: Cluster, namespace: str) -> AsyncIterator[tuple[VideoJobStore, CountingClient]]:
    """Its watch is open in the block, and has brought what there is."""
    watch, index = VideoJobWatch(connection, namespace), JobIndex()
    watch.listen(index)
    client = CountingClient(connection, connection, namespace, watch)
    store = VideoJobStore(client, ClusterResults(connection, namespace), listing=Listing(watch, index))
    async with watch:
        await watch.known()
        yield store, client


async def _listed(store: VideoJobStore) -> list[str]:
    return [job.job_id for job in (await store.list_jobs(JobQuery())).jobs]


async def test_lists_have_what_others_write_and_ask_the_api_server_for_nothing(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    videojobs.create("before")
    async with _store(connection, namespace) as (store, client):
        assert await _listed(store) == ["before"]
        videojobs.create("after")

        async def is_listed(*jobs: str) -> bool:
            return set(await _listed(store)) == set(jobs)

        await wait_until_async(lambda: is_listed("before", "after"), 10)
        videojobs.delete("before")
        await wait_until_async(lambda: is_listed("after"), 10)
        assert client.lists == 0


async def test_lists_have_at_once_what_the_store_itself_wrote(connection: Cluster, namespace: str) -> None:
    async with _store(connection, namespace) as (store, client):
        for number in range(20):
            await store.submit(submission(f"j{number}"))
            assert f"j{number}" in await _listed(store)
        await store.cancel("j3")
        states = {job.job_id: job.state for job in (await store.list_jobs(JobQuery())).jobs}
        assert states["j3"] == "cancelled"
        await store.delete("j4")
        assert "j4" not in await _listed(store)
        assert client.lists == 0


async def test_without_a_watch_lists_are_the_api_servers(
    connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    async with _store(connection, namespace) as (store, client):
        pass
    videojobs.create("unseen")
    assert await _listed(store) == ["unseen"]
    assert client.lists == 1


def test_a_state_that_comes_late_changes_nothing() -> None:
    def manifest(version: int, language: str) -> dict[str, object]:
        metadata = {
            "uid": "u",
            "name": "j",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        spec = {"jobId": "j", "source": {"url": "https://media.example/v.mp4"}, "language": language}
        return {"metadata": metadata, "spec": spec}

    index = JobIndex()
    for version, language in ((7, "en"), (6, "ko")):
        index.put(manifest(version, language))
    [job] = index.jobs()
    assert (job.version, job.view().language) == (7, "en")
