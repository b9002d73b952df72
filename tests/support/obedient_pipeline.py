"""A pipeline process without models that speaks the real protocol and ends each job with the test's verdict."""

import os
from pathlib import Path

from support.wire_results import stored_result

_MAIN = """
import hashlib, json, os, pathlib, sys, threading, time

FOLDER = pathlib.Path({folder!r})
STAGES = ("download", "vad", "diarization", "transcription", "emotion", "finalize")
AT = "2026-01-01T00:00:00Z"


def report(event, **fields):
    print(json.dumps({{"event": event, **fields}}), flush=True)


def wait_for_verdict():
    verdict = FOLDER / "verdict"
    while not verdict.exists():
        time.sleep(0.01)
    outcome = verdict.read_text()
    verdict.unlink()
    return outcome


def work(job):
    stages = {{s: {{"startTime": AT, "completionTime": AT}} for s in STAGES}}
    status = {{"attempt": job["attempt"], "stages": stages, "stage": "finalize", "progress": 90}}
    report("status", jobId=job["jobId"], status=status)
    if wait_for_verdict() == "fail":
        error = {{"code": "AUDIO_EXTRACTION_ERROR", "message": "오디오 추출 실패: no audio stream"}}
        report("finished", jobId=job["jobId"], exitCode=11, status={{**status, "error": error}})
        return
    data = pathlib.Path({result!r}).read_bytes()
    pathlib.Path(job["resultPath"]).write_bytes(data)
    reference = {{
        "location": job["resultPath"], "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data),
        "segments": 1, "words": 1, "speakers": 1, "language": "ko", "duration": 120.5, "processingTime": 32.1,
    }}
    report("finished", jobId=job["jobId"], exitCode=0, status={{**status, "result": reference}})


def fetch(job):
    pathlib.Path(job["resultPath"]).write_bytes(b"media")
    report("finished", jobId=job["jobId"], exitCode=0, status={{"attempt": job["attempt"]}})


report("ready")
work = fetch if "--fetch" in sys.argv else work
for line in sys.stdin:
    threading.Thread(target=work, args=(json.loads(line),), daemon=True).start()
os._exit(0)
"""


class ObedientPipeline:
    """With `environment`, `python -m ecg_pipeline` runs this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        package = folder / "ecg_pipeline"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        main = _MAIN.format(folder=str(folder), result=str(stored_result(folder)))
        (package / "__main__.py").write_text(main, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self._folder)}

    def tell(self, verdict: str) -> None:
        """End the running job, or else the next one; `verdict` is `complete` or `fail`."""
        (self._folder / "new").write_text(verdict)
        (self._folder / "new").rename(self._folder / "verdict")
