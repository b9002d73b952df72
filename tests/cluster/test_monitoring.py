"""The chart's alerts and dashboard on a real Prometheus that scrapes the real API and operator."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs

from ecg_contract.stages import Stage
from ecg_dev.control_plane.processes import free_port
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support import chart
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import RESULT, PlayedPipeline
from support.played_standby import standing_by
from support.prometheus import Prometheus, prometheus, promtool
from support.receiver import Receiver
from support.server_process import ServerProcess, environment_in_cluster

NAMESPACE = "monitored"
JOBS = ("job-warm", "job-cold", "job-bad")
_USED = {"seconds": 1.5, "cpuSeconds": 2.5, "memoryBytes": 2**30, "gpuMemoryBytes": 6 * 2**30}
_SWITCHES = ",".join(f"metrics.{part}.enabled=true" for part in ("podMonitor", "rules", "dashboard"))
_INSTANT = {"$__rate_interval": "5m", "$namespace": ".*"}


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict[str, Any]]:
    """What the chart renders for monitoring, by kind."""
    rendered = chart.render("--set", _SWITCHES)
    dashboard = chart.one(rendered, "ConfigMap", "ecg-dashboard")
    kinds = ("PodMonitor", "PrometheusRule")
    return {"dashboard": dashboard, **{m["kind"]: m for m in rendered if m["kind"] in kinds}}


@pytest.fixture(scope="module")
def rules(manifests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return dict(manifests["PrometheusRule"]["spec"])


def _finish(pipeline: PlayedPipeline) -> None:
    pipeline.wait_until_assigned()
    if pipeline.videojob == "job-bad":
        return pipeline.fail()
    result = pipeline.store(json.dumps(RESULT).encode())
    pipeline.reach(Stage.COMPLETED, result=result, parts={"recognition": _USED, "diarization": _USED})
    return pipeline.pod.finish(0)


def _cold(pod: PlayedPod) -> None:
    pod.run()
    _finish(PlayedPipeline(pod))


@pytest.fixture(scope="module")
def scraped(
    cluster: ControlPlane, rules: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has seen jobs complete and fail, on standby and on cold pods."""
    make_namespace(cluster, NAMESPACE)
    folder, port, jobs = tmp_path_factory.mktemp("monitored"), free_port(), VideoJobs(cluster, NAMESPACE)
    server = ServerProcess(folder, environment_in_cluster(cluster, NAMESPACE, METRICS_PORT=str(port)))
    with (
        Receiver() as backend,
        OperatorProcess(cluster, NAMESPACE, folder, STANDBY_GPU="1") as operator,
        played_kubelet(cluster, NAMESPACE, standing_by(_finish, _cold)),
        server,
        prometheus(folder, {"api": port, "operator": operator.metrics_port}, rules) as found,
    ):
        server.start()
        operator.wait_for_log("in_sync")
        wait_until(lambda: _value(found, 'ecg_standby_pods{profile="gpu"}') == 1, 60)
        wait_until(lambda: _value(found, "sum(up)") == 2, 30)
        for job_id, gpu in zip(JOBS, (True, False, False), strict=True):
            url, base = "https://media.example/v.mp4", backend.url
            assert server.post(job_id, url, enable_gpu=gpu, fastapi_base_url=base).status_code == 200
            jobs.wait_for_condition(job_id, "CallbackDelivered", "True", "Delivered", 60)
        wait_until(lambda: _value(found, "sum(ecg_jobs_finished_total)") == 3, 30)
        requests = "sum(rate(ecg_http_request_seconds_count[1m]))"  # a route's series begins with its first request
        wait_until(lambda: server.job(JOBS[0]) and _value(found, requests), 30)
        yield found
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _value(found: Prometheus, expression: str) -> float | None:
    result = found.query(expression)
    return float(result[0]["value"][1]) if result else None


def test_every_query_of_the_dashboard_finds_something(
    scraped: Prometheus, manifests: dict[str, dict[str, Any]]
) -> None:
    dashboard = json.loads(manifests["dashboard"]["data"]["ecg-audio-analyzer.json"])
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) > 12

    def empty() -> list[str]:
        return [query for query in queries if not _finds(scraped, query)]

    # The rate of a counter that a job created needs two scrapes after it.
    wait_until(lambda: not empty(), 30, empty)


def _finds(scraped: Prometheus, query: str) -> bool:
    for variable, value in _INSTANT.items():
        query = query.replace(variable, value)
    return any(not math.isnan(float(series["value"][1])) for series in scraped.query(query))


def test_every_alert_is_evaluated_and_none_fires_for_a_system_that_works(scraped: Prometheus) -> None:
    wait_until(lambda: all(rule["health"] != "unknown" for rule in scraped.alerts().values()), 30)
    alerts = scraped.alerts()
    assert {name: rule["lastError"] for name, rule in alerts.items() if rule["health"] != "ok"} == {}
    assert [name for name, rule in alerts.items() if rule["state"] == "firing"] == []
    assert all(rule["annotations"]["runbook"] for rule in alerts.values())


def test_no_metric_names_a_job(scraped: Prometheus) -> None:
    values = {value for series in scraped.query('{__name__=~"ecg_.*"}') for value in series["metric"].values()}
    assert "standby" in values
    assert not [value for value in values if any(job_id in value for job_id in JOBS)]


_CASES = [
    ("EcgNoOperator", {'ecg_lease_held{namespace="ecg",pod="operator"}': "0x60"}, True),
    ("EcgNoOperator", {'ecg_lease_held{namespace="ecg",pod="operator"}': "1x60"}, False),
    ("EcgNoOperator", {'up{namespace="ecg"}': "1x60"}, True),
    (
        "EcgJobsFail",
        {
            'ecg_jobs_finished_total{namespace="ecg",outcome="Completed"}': "0+6x60",
            'ecg_jobs_finished_total{namespace="ecg",outcome="PROCESSING_ERROR"}': "0+2x60",
        },
        True,
    ),
    (
        "EcgJobsFail",
        {
            'ecg_jobs_finished_total{namespace="ecg",outcome="Completed"}': "0+9x60",
            'ecg_jobs_finished_total{namespace="ecg",outcome="Cancelled"}': "0+9x60",
            'ecg_jobs_finished_total{namespace="ecg",outcome="DOWNLOAD_ERROR"}': "0+1x60",
        },
        False,
    ),
    (
        "EcgJobsWaitLong",
        {'ecg_jobs_waiting{namespace="ecg",pod="o"}': "3x60", 'ecg_jobs_active{namespace="ecg",pod="o"}': "0x60"},
        True,
    ),
    (
        "EcgCallbacksFail",
        {
            'ecg_callbacks_total{namespace="ecg",outcome="failed",status="completed"}': "0+3x60",
            'ecg_callbacks_total{namespace="ecg",outcome="delivered",status="completed"}': "0+1x60",
        },
        True,
    ),
    (
        "EcgRequestsRefused",
        {'ecg_jobs_submitted_total{namespace="ecg",kind="video",outcome="queue_full"}': "0+1x60"},
        True,
    ),
    (
        "EcgRequestsRefused",
        {'ecg_jobs_submitted_total{namespace="ecg",kind="video",outcome="created"}': "0+1x60"},
        False,
    ),
]


@pytest.mark.parametrize(("alert", "series", "fires"), _CASES)
def test_an_alert_fires_when_it_should(
    alert: str, series: dict[str, str], fires: bool, rules: dict[str, Any], tmp_path: Path
) -> None:
    """promtool plays the series, a value each minute, and evaluates the alert after 50 of them."""
    (rule,) = [rule for rule in rules["groups"][0]["rules"] if rule["alert"] == alert]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
    own = {} if alert == "EcgNoOperator" and not any("lease" in name for name in series) else {"namespace": "ecg"}
    expected = {"exp_labels": rule["labels"] | own, "exp_annotations": rule["annotations"]}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "50m", "alertname": alert, "exp_alerts": [expected] if fires else []}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    promtool("test", "rules", "test.yaml", cwd=tmp_path)


def test_the_pod_monitor_selects_the_pods_that_serve_metrics(manifests: dict[str, dict[str, Any]]) -> None:
    spec = manifests["PodMonitor"]["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    (expression,) = spec["selector"]["matchExpressions"]
    rendered = chart.render("--set", _SWITCHES)
    for component in expression["values"]:
        deployment = chart.one(rendered, "Deployment", f"ecg-{component}")
        pod = deployment["spec"]["template"]
        assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert pod["metadata"]["labels"][expression["key"]] == component
        (container,) = pod["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        (port,) = [port["containerPort"] for port in container["ports"] if port["name"] == endpoint["port"]]
        assert environment["METRICS_PORT"] == str(port)


def test_nothing_of_it_is_there_by_default() -> None:
    kinds = {m["kind"] for m in chart.render()}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
