"""A real Prometheus that scrapes processes of a test, and promtool."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml  # type: ignore[import-untyped]  # no stubs

from ecg_dev.control_plane.binaries import program
from ecg_dev.control_plane.processes import free_port
from ecg_dev.waiting import wait_until

_EVERY = "1s"


class Prometheus:
    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector; raises AssertionError for an expression that is refused."""
        answer = self._http.get("/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        return list(answer.json()["data"]["result"])

    def query_range(self, expression: str, begin: float, end: float) -> list[dict[str, Any]]:
        """The matrix of values for each second."""
        times = {"start": begin, "end": end, "step": 1}
        answer = self._http.get("/api/v1/query_range", params={"query": expression, **times})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        return list(answer.json()["data"]["result"])

    def alerts(self) -> dict[str, dict[str, Any]]:
        """The rules by name, with their health."""
        groups = self._http.get("/api/v1/rules").json()["data"]["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def is_ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int], rules: dict[str, Any]) -> Iterator[Prometheus]:
    """`targets` are ports on loopback by the name of a pod; scrapes have a namespace and a pod, as a PodMonitor's."""
    scraped = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "ecg", "pod": pod}} for pod, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": _EVERY, "evaluation_interval": _EVERY},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "ecg", "static_configs": scraped}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    port = free_port()
    command = [str(program("prometheus")), f"--config.file={folder / 'prometheus.yaml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        found = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(found.is_ready, 60, lambda: (folder / "prometheus.log").read_text()[-2000:])
        yield found
    finally:
        process.kill()
        process.wait()


def promtool(*arguments: str, cwd: Path) -> str:
    """Its output. Raises AssertionError where it fails."""
    done = subprocess.run(
        [str(program("promtool")), *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
