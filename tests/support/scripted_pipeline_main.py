"""The `python -m ecg_pipeline` of a ScriptedPipeline, which documents the steps."""

import hashlib
import json
import os
import pathlib
import queue
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any, NoReturn

FOLDER = pathlib.Path(os.environ["SCRIPT_FOLDER"])
Jobs = queue.Queue[dict[str, Any]]
PROGRESS = {
    "download": 10,
    "vad": 25,
    "diarization": 40,
    "transcription": 60,
    "emotion": 75,
    "finalize": 90,
}
RESULT = {
    "segments": [],
    "word_segments": [],
    "speakers": {},
    "text": "",
    "language": "ko",
    "duration": 1.0,
    "metadata": {
        "model_version": "whisperx-base",
        "processing_time": 0.1,
        "unique_speakers": 0,
        "total_segments": 0,
        "language_requested": "ko",
        "language_detected": "ko",
        "processing_mode": "targeted",
        "device": "cpu",
    },
}


def record(event: str, **details: Any) -> None:
    with (FOLDER / "seen.jsonl").open("a") as log:
        log.write(json.dumps({"event": event, "pid": os.getpid(), **details}) + "\n")


def report(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def now() -> str:
    return datetime.now(UTC).isoformat()


class Job:
    """One attempt at the analysis."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.stages: dict[str, Any] = {}
        self.stage, self.progress = "download", 0

    def status(self, **more: Any) -> dict[str, Any]:
        return {
            "attempt": self.job["attempt"],
            "stages": self.stages,
            "stage": self.stage,
            "progress": self.progress,
            "message": "",
            "heartbeatTime": now(),
            **more,
        }

    def enter(self, stage: str) -> None:
        self.stage, self.progress = stage, PROGRESS[stage]
        self.stages[stage] = {"startTime": now(), "completionTime": now()}
        report("status", jobId=self.job["jobId"], status=self.status())

    def finish(self, code: int, **more: Any) -> None:
        report("finished", jobId=self.job["jobId"], exitCode=code, status=self.status(**more))

    def finish_with_result(self) -> None:
        for stage in PROGRESS:
            if stage not in self.stages:
                self.enter(stage)
        path = pathlib.Path(self.job["resultPath"])
        data = json.dumps(RESULT | {"text": self.job["jobId"]}).encode()
        path.write_bytes(data)
        reference = {
            "location": str(path),
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "segments": 0,
            "words": 0,
            "speakers": 0,
            "language": "ko",
            "duration": 1.0,
            "processingTime": 0.1,
        }
        self.finish(0, result=reference)

    def run(self, steps: list[str]) -> None:
        for step in steps:
            record("step", step=step, job_id=self.job["jobId"])
            name, _, value = step.partition(":")
            if name == "stage":
                self.enter(value)
            elif name == "hold":
                wait_for_release()
            elif name == "exit":
                end(int(value))
            elif name == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            elif name in ("silence", "work"):
                time.sleep(float(value or 3600))
            elif name == "garbage":
                print("no report\n{}\n" + "x" * 5_000_000, flush=True)
            elif name == "fail":
                codes = {"DOWNLOAD_ERROR": 10, "AUDIO_EXTRACTION_ERROR": 11, "PROCESSING_ERROR": 12}
                return self.finish(codes[value], error={"code": value, "message": "404 Not Found"})
            elif name == "gpu-memory":
                self.finish(14)
                time.sleep(float(value or 0))
                end(14)
            elif name == "no-result":
                return self.finish(0)
        return self.finish_with_result()


class Fetch(Job):
    """The download of an attempt."""

    def finish_with_result(self) -> None:
        pathlib.Path(self.job["resultPath"]).write_bytes(b"media")
        self.finish(0)

    def steps(self) -> list[str]:
        steps = FOLDER / "fetch.json"
        return json.loads(steps.read_text()).get(self.job["jobId"], []) if steps.exists() else []


def wait_for_release() -> None:
    while not (FOLDER / "released").exists():
        time.sleep(0.02)


def end(code: int) -> NoReturn:
    if code < 0:
        os.kill(os.getpid(), -code)
        time.sleep(10)
    os._exit(code)


def read_jobs(jobs: Jobs) -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(143)  # the host is gone


def fetch(jobs: Jobs) -> NoReturn:
    record("fetch-ready")
    report("ready")
    while True:
        download = Fetch(jobs.get())
        record(
            "fetch",
            job_id=download.job["jobId"],
            attempt=download.job["attempt"],
            trace=download.job.get("traceparent"),
        )
        download.run(download.steps())


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    jobs: Jobs = queue.Queue()
    threading.Thread(target=read_jobs, args=(jobs,), daemon=True).start()
    if "--fetch" in sys.argv:
        fetch(jobs)
    record("ready", gpus=os.environ.get("CUDA_VISIBLE_DEVICES"))
    for_cpu = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    if (FOLDER / "broken").exists() or (for_cpu and (FOLDER / "broken-for-cpu").exists()):
        sys.exit("it does not start")
    report("ready")
    script = json.loads((FOLDER / "script.json").read_text())
    while True:
        job = jobs.get()
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        record(
            "job",
            job_id=job["jobId"],
            attempt=job["attempt"],
            device=job["device"],
            trace=job.get("traceparent"),
            gpus=gpus,
        )
        Job(job).run(script[min(job["attempt"], len(script)) - 1])


main()
