"""Downloads in slots of their own, beside the analysis: what a slow, a failing, a killed one costs the others."""

import signal
from pathlib import Path

from ecg_api.standalone.child import ChildStarter
from ecg_dev.waiting import wait_until, wait_until_async
from support.in_process_host import TIMEOUT_S, ended, host
from support.receiver import ALL_SEVEN, Receiver
from support.scripted_pipeline import ScriptedPipeline
from support.server_process import is_alive, kill_9
from support.standalone import Serve
from support.submissions import submission

_MORE_THAN_ANY_DISK = 2**62
VIDEO = "https://example.com/v.mp4"


def _fetches(pipeline: ScriptedPipeline, job_id: str) -> int:
    return sum(e["event"] == "fetch" and e["job_id"] == job_id for e in pipeline.seen())


def _fetcher(pipeline: ScriptedPipeline, job_id: str) -> int:
    """The process that downloads the job's media."""
    return next(int(str(e["pid"])) for e in pipeline.seen() if e["event"] == "fetch" and e["job_id"] == job_id)


def _downloads(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "data" / "fetched").iterdir())


def test_a_slow_source_holds_up_nobody_else(serve: Serve, backend: Receiver) -> None:
    server, pipeline = serve(FETCH_SLOTS="2")
    pipeline.fetching(slow=["hold"])
    for job_id in ("slow", "a", "b", "c", "d"):
        server.post(job_id, VIDEO)
    for job_id in ("a", "b", "c", "d"):
        server.wait_for(job_id, "completed")
    assert (server.job("slow")["status"], server.job("slow")["stage"]) == ("processing", "download")
    pipeline.release()
    server.wait_for("slow", "completed")
    assert [r.mark for r in backend.wait_for(lambda _: len(backend.of("slow")) == 7) if r.json["job_id"] == "slow"] == (
        ALL_SEVEN
    )


def test_downloads_go_on_beside_an_analysis_as_far_as_there_are_slots(serve: Serve) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="2")
    for job_id in "abcde":
        server.post(job_id, VIDEO)
    wait_until(lambda: pipeline.has_done("hold") and [_fetches(pipeline, j) for j in "abcde"] == [1, 1, 1, 0, 0])
    assert server.job("d")["queue_position"] == 1
    pipeline.release()
    for job_id in "abcde":
        assert server.wait_for(job_id, "completed")["attempt"] == 1
    assert [e["job_id"] for e in pipeline.seen() if e["event"] == "job"] == list("abcde")


def test_another_attempt_at_the_analysis_downloads_nothing(serve: Serve, tmp_path: Path) -> None:
    server, pipeline = serve(["exit:134"], [])
    server.post("j", VIDEO)
    assert server.wait_for("j", "completed")["attempt"] == 2
    assert _fetches(pipeline, "j") == 1
    assert not _downloads(tmp_path)


def test_a_download_that_fails_fails_the_job_without_an_analysis(serve: Serve, tmp_path: Path) -> None:
    server, pipeline = serve()
    pipeline.fetching(j=["fail:DOWNLOAD_ERROR"])
    server.post("j", VIDEO)
    assert server.wait_for("j", "failed")["error"]["code"] == "DOWNLOAD_ERROR"
    assert not pipeline.attempts("j")
    assert not _downloads(tmp_path)


def test_kill_9_of_a_download_costs_its_job_one_attempt_and_the_others_nothing(serve: Serve) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="2")
    server.post("analysis", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    pipeline.fetching(j=["silence"])
    server.post("j", VIDEO)
    wait_until(lambda: _fetches(pipeline, "j") == 1)
    pipeline.fetching()
    kill_9(_fetcher(pipeline, "j"))
    wait_until(lambda: _fetches(pipeline, "j") == 2)
    pipeline.release()
    assert server.wait_for("j", "completed")["attempt"] == 2
    assert server.wait_for("analysis", "completed")["attempt"] == 1


def test_a_job_deleted_while_it_is_downloaded_ends_its_download_alone(serve: Serve, tmp_path: Path) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="2")
    server.post("analysis", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    pipeline.fetching(j=["silence"])
    server.post("j", VIDEO)
    wait_until(lambda: _fetches(pipeline, "j") == 1)
    assert server.client.delete("/jobs/j").status_code == 204
    wait_until(lambda: not is_alive(_fetcher(pipeline, "j")))
    pipeline.release()
    assert server.wait_for("analysis", "completed")["attempt"] == 1
    assert not _downloads(tmp_path)


def test_a_job_deleted_while_it_waits_for_a_worker_leaves_no_file_and_frees_its_slot(
    serve: Serve, tmp_path: Path
) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="1")
    server.post("analysis", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    server.post("waiting", VIDEO)
    server.post("next", VIDEO)
    wait_until(lambda: len(_downloads(tmp_path)) == 2)
    assert server.client.delete("/jobs/waiting").status_code == 204
    wait_until(lambda: _fetches(pipeline, "next") == 1)
    pipeline.release()
    server.wait_for("next", "completed")
    assert not pipeline.attempts("waiting")
    wait_until(lambda: not _downloads(tmp_path))


def test_the_server_killed_again_and_again_fails_no_job_that_was_only_downloaded(serve: Serve) -> None:
    server, pipeline = serve()
    pipeline.fetching(j=["hold"])
    server.post("j", VIDEO)
    for times in range(1, 9):
        wait_until(lambda times=times: _fetches(pipeline, "j") == times)  # type: ignore[misc]
        server.kill()
        server.start()
    wait_until(lambda: _fetches(pipeline, "j") == 9)
    pipeline.release()
    server.wait_for("j", "completed")


def test_a_stopped_server_puts_back_what_is_downloaded_and_what_waits(serve: Serve, tmp_path: Path) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="2")
    server.post("analysis", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    pipeline.fetching(slow=["silence"])
    server.post("waiting", VIDEO)
    server.post("slow", VIDEO)
    wait_until(lambda: _fetches(pipeline, "slow") == 1 and len(_downloads(tmp_path)) == 2)
    assert server.stop() in (0, -signal.SIGTERM)
    pipeline.release()
    pipeline.fetching()
    server.start()
    for job_id in ("analysis", "waiting", "slow"):
        server.wait_for(job_id, "completed")
    assert not _downloads(tmp_path)


def test_two_workers_analyze_two_jobs_at_once(serve: Serve) -> None:
    server, pipeline = serve(["hold"], WORKERS="2")
    server.post("a", VIDEO)
    server.post("b", VIDEO)
    wait_until(lambda: pipeline.has_done("hold", 2))
    assert len(set(pipeline.pids())) == 2
    pipeline.release()
    server.wait_for("a", "completed")
    server.wait_for("b", "completed")


def test_of_what_waits_for_a_worker_the_highest_priority_is_first(serve: Serve, tmp_path: Path) -> None:
    server, pipeline = serve(["hold"], FETCH_SLOTS="3")
    server.post("first", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    for job_id, priority in (("low", 0), ("low-too", 0), ("high", 5)):
        server.post(job_id, VIDEO, priority=priority)
    wait_until(lambda: len(_downloads(tmp_path)) == 4)
    pipeline.release()
    server.wait_for("low-too", "completed")
    assert [e["job_id"] for e in pipeline.seen() if e["event"] == "job"] == ["first", "high", "low", "low-too"]


async def test_on_a_disk_with_little_space_one_file_is_there_at_a_time(tmp_path: Path) -> None:
    pipeline = ScriptedPipeline(tmp_path / "scripted", ["hold"])
    starter = ChildStarter(pipeline.environment)
    async with host(tmp_path / "data", starter, fetch_max_bytes=_MORE_THAN_ANY_DISK) as store:
        await store.submit(submission("a", callback_base=None))
        await wait_until_async(lambda: pipeline.has_done("hold"), TIMEOUT_S)
        await wait_until_async(lambda: sum(e["event"] == "fetch-ready" for e in pipeline.seen()) == 2, TIMEOUT_S)
        for job_id in ("b", "c"):
            await store.submit(submission(job_id, callback_base=None))
        for _ in range(20):  # a claim would have been one of the database's next transactions
            waiting = await store.get("b")
            assert waiting is not None
            assert waiting.queue_position == 1
        pipeline.release()
        for job_id in "abc":
            await ended(store, job_id)
    assert [_fetches(pipeline, job_id) for job_id in "abc"] == [1, 1, 1]


def test_on_a_disk_with_little_space_a_job_has_another_attempt_and_the_next_its_turn(serve: Serve) -> None:
    server, pipeline = serve(["exit:134"], [], FETCH_MAX_BYTES=str(_MORE_THAN_ANY_DISK))
    for job_id in ("j", "next"):
        server.post(job_id, VIDEO)
    assert server.wait_for("j", "completed")["attempt"] == 2
    assert server.wait_for("next", "completed")["attempt"] == 2
    assert [_fetches(pipeline, job_id) for job_id in ("j", "next")] == [1, 1]


def test_on_a_disk_with_little_space_a_job_cancelled_in_its_analysis_makes_way_for_the_next(serve: Serve) -> None:
    server, pipeline = serve(["hold"], [], FETCH_MAX_BYTES=str(_MORE_THAN_ANY_DISK))
    for job_id in ("j", "next"):
        server.post(job_id, VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    assert server.client.post("/jobs/j/cancel").is_success
    pipeline.release()
    server.wait_for("next", "completed")
