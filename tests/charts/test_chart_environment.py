"""The environment that the chart renders matches the settings classes: no name is unknown, none is missing."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest
from pydantic_settings import BaseSettings

import ecg_api
import ecg_operator
import ecg_pipeline
from ecg_operator.act.pod_config import PodConfig, load_pod_config
from ecg_operator.settings import OperatorSettings
from ecg_pipeline.settings import PipelineSettings
from support import chart
from support.chart_pods import pipeline_pod

CASES = {**chart.VALUES, "full": Path(__file__).parent / "values-full.yaml"}
LIBRARIES = {
    "api": {"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"},
    "operator": {"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"},
    "pipeline": {
        "AWS_DEFAULT_REGION",
        "HOME",
        "HF_HOME",
        "HF_HUB_OFFLINE",
        "TORCH_HOME",
        "NUMBA_CACHE_DIR",
    },
}
"""Variables that libraries read."""
OF_THE_TEST = {"EXTRA"}
"""Variables that values-full.yaml adds."""


def _settings(package: ModuleType) -> Iterator[type[BaseSettings]]:
    """Every settings class in a package's modules settings*, except the standalone host's."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2].startswith("settings") and "standalone" not in module.name:
            found = vars(importlib.import_module(module.name)).values()
            yield from (
                c for c in found if isinstance(c, type) and issubclass(c, BaseSettings) and c is not BaseSettings
            )


def _names(package: ModuleType, *, required: bool = False) -> set[str]:
    classes = list(_settings(package))
    assert classes
    fields = {name.upper(): field for cls in classes for name, field in cls.model_fields.items()}
    return {name for name, field in fields.items() if field.is_required() or not required}


def _release(case: str) -> str:
    return "speech" if case == "full" else "ecg"


def _rendered(case: str, component: str) -> dict[str, str]:
    """A component's variables; the pipeline's include those that the operator adds."""
    manifests = chart.render("-f", str(CASES[case]))
    if component == "pipeline":
        with TemporaryDirectory() as folder:
            pod = pipeline_pod(manifests, "gpu", Path(folder))
        return chart.environment(pod["spec"]["containers"][0]["env"])
    return chart.container_environment(manifests, component, _release(case))


PACKAGES = {"api": ecg_api, "operator": ecg_operator, "pipeline": ecg_pipeline}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("component", PACKAGES)
def test_every_name_is_a_settings(component: str, case: str) -> None:
    unknown = set(_rendered(case, component)) - _names(PACKAGES[component]) - LIBRARIES[component] - OF_THE_TEST
    assert unknown == set()


@pytest.mark.parametrize("component", PACKAGES)
def test_what_a_component_cannot_do_without_is_there(component: str) -> None:
    assert _names(PACKAGES[component], required=True) <= set(_rendered("default", component))


def _set(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, "from-elsewhere" if value.startswith("<") else value)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("component", PACKAGES)
def test_every_value_is_one_that_the_settings_take(component: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, _rendered(case, component))
    for settings in _settings(PACKAGES[component]):
        settings()


def test_values_arrive_where_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, _rendered("full", "operator"))
    operator = OperatorSettings()
    assert operator.pipeline_image.endswith("ecg-pipeline@sha256:" + "0123456789abcdef" * 4)
    assert (operator.job_deadline_s, operator.job_ttl_s, operator.resync_s) == (604_800, 0, 15)
    assert operator.callback_allow == ("10.0.0.0/8", "backend.internal")
    assert (operator.backend_url, operator.callback_strict) == ("https://other.example", True)
    assert (operator.gpu_enabled, operator.cpu_fallback) == (True, False)


def test_the_pipelines_values_arrive_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, _rendered("full", "pipeline"))
    pipeline = PipelineSettings()
    assert (pipeline.asr_model, pipeline.align_models) == ("large-v3", {"en": "X"})
    assert pipeline.s3_buckets == ("videos-a", "videos-b")
    assert pipeline.s3_endpoint_url == "https://s3.internal:9000"


def _config(case: str, folder: Path) -> PodConfig:
    path = folder / "pods.json"
    path.write_text(chart.pod_config(chart.render("-f", str(CASES[case])), _release(case)))
    return load_pod_config(path)


@pytest.mark.parametrize("case", CASES)
def test_the_operator_reads_the_pods_file(case: str, tmp_path: Path) -> None:
    assert _config(case, tmp_path).cpu.resources["limits"]["memory"]


def test_profiles_arrive_in_the_pods_file(tmp_path: Path) -> None:
    config = _config("full", tmp_path)
    assert config.gpu.runtime_class_name == "nvidia"
    assert config.gpu.resources["limits"]["nvidia.com/gpu"] == 1
    assert config.image_pull_secrets == ["registry-login"]
    assert [m["mountPath"] for m in config.volume_mounts] == ["/models", "/etc/ca"]
    assert config.interactive_priority_class_name == "speech.videos.interactive"
    assert config.labels["y"] == "n"
