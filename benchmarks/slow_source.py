"""100 short videos behind one whose source gives 8 KiB/s, compared with the same 100 alone, on one warm server."""

import itertools
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ecg_dev.waiting import wait_until
from ecg_pipeline.media.decode import decode
from support.media_server import MediaServer, Reply, endless
from support.pipeline_process import ROOT, demo_environment
from support.server_process import ServerProcess
from support.sounds import RATE, write_wav

JOBS = 100
CLIP_S = 2.5
SLOW = Reply(declared=16 * 1024 * 1024, pieces=endless(b"x" * 1024), pause_s=1 / 8)
PATIENCE_S = 600.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, MediaServer() as media:
        clip = media.serve("/clip.wav", Reply(body=_clip(Path(folder)).read_bytes()))
        slow = media.serve("/slow.mp4", SLOW)
        environment = demo_environment(FETCH_ALLOW="127.0.0.1", QUEUE_LIMIT="1000")
        with ServerProcess(Path(folder), environment) as server:
            server.start()
            wait_until(lambda: server.client.get("/health/ready").status_code == 200, PATIENCE_S)
            _seconds(server, clip, "warm-up", 3)
            alone = _seconds(server, clip, "alone", JOBS)
            server.post("slow", slow)
            wait_until(lambda: server.job("slow")["status"] == "processing", PATIENCE_S)
            behind = _seconds(server, clip, "behind", JOBS)
            still = server.job("slow")
    print(f"{JOBS} videos of {CLIP_S} s: alone {alone:.1f} s, behind a source of 8 KiB/s {behind:.1f} s")
    print(f"the slow one then: {still['status']}, {still['stage']}")
    print(f"ratio: {behind / alone:.2f} (goal: at most 1.50)")


def _clip(folder: Path) -> Path:
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples
    return write_wav(folder / "clip.wav", samples[: round(CLIP_S * RATE)])


def _seconds(server: ServerProcess, url: str, name: str, jobs: int) -> float:
    """From the first post until the last job is completed."""
    began = time.monotonic()
    ids = [f"{name}-{number}" for number in range(jobs)]
    for job_id in ids:
        assert server.post(job_id, url, language="en").status_code == 200
    for job_id in itertools.chain(ids[-1:], ids):
        server.wait_for(job_id, "completed", PATIENCE_S)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
