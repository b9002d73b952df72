"""schemathesis over the whole API: what it sends is generated from the OpenAPI document of the server."""

import subprocess
import sys
from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""Left out: acceptance, as a URL's syntax and the order of two counts are in no schema; and rejection, as `"true"` is
taken for `true`, in forms above all."""
SEED = 20261126
TIMEOUT_S = 580


def assert_conforms(url: str, folder: Path, *, examples: int = 8) -> None:
    """Raises AssertionError with what schemathesis found: a 5xx, an answer that the document does not have."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--warnings", "off"]
    command += ["--max-examples", str(examples), "--seed", str(SEED), "--request-timeout", "30", "--no-color"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Operations" in done.stdout, done.stdout
