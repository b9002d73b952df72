import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """
import logging, sys, warnings
from pathlib import Path
from ecg_contract.host_protocol import PipelineJob, Source
from ecg_pipeline.process import logs
job_fields = logs.configure(Path(sys.argv[1]), "INFO")
sys.stdout = logs.LoggedOutput()
job = PipelineJob(
    job_id="job-7",
    source=Source(path="v.mp4"),
    result_path="r.json",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
with job_fields.running(job):
    print("printed by a library")
    logging.getLogger("some.library").warning("heard %s", "it")
    warnings.warn("old")
    logging.getLogger("whisperx.alignment").warning('Failed to align segment ("my secret"): backtrack failed')
    own = logging.getLogger("own"); own.propagate = False; own.addHandler(logging.StreamHandler())
    own.error("by its own handler")
logging.getLogger("some.library").warning("after the job")
"""


def logged(folder: Path) -> list[dict[str, Any]]:
    file = folder / "logs" / "pipeline.log"
    ended = subprocess.run([sys.executable, "-c", CODE, str(file)], capture_output=True, text=True, check=True)
    assert file.read_text() == ended.stderr
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_line_of_a_job_is_json_with_its_id_and_its_trace(tmp_path: Path) -> None:
    *lines, after = logged(tmp_path)
    assert len(lines) == 5
    assert {line["job_id"] for line in lines} == {"job-7"}
    assert {line["trace_id"] for line in lines} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert not {"job_id", "trace_id"} & after.keys()
    assert [line.get("text") for line in lines if line["event"] == "library_output"] == [
        "printed by a library",
        "by its own handler",
    ]


def test_whisperx_does_not_quote_the_transcript(tmp_path: Path) -> None:
    lines = logged(tmp_path)
    assert "Failed to align segment (...): backtrack failed" in [line["event"] for line in lines]
    assert "secret" not in str(lines)
