"""Generate docs/openapi.json, docs/configuration.md and docs/result.schema.json from the code.

`make verify` runs this and fails when a committed document differs. An argument names another output folder.
"""

import json
import sys
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ecg_api.http.app import create_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.metrics import Metrics as ApiMetrics
from ecg_api.settings import Settings
from ecg_api.standalone.settings import StandaloneSettings
from ecg_contract.wire.models import WireResult
from ecg_operator.runtime.metrics import Metrics
from ecg_operator.settings import OperatorSettings
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.settings import PipelineSettings

DOCS = Path(__file__).parents[1] / "docs"

SECTIONS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("The API server", Settings),
    ("The standalone host", StandaloneSettings),
    ("The API server in a cluster", KubernetesSettings),
    ("The pipeline", PipelineSettings),
    ("The pipeline's pod", PodSettings),
    ("The operator", OperatorSettings),
)

METRICS = "For Prometheus, on METRICS_PORT at `/metrics`."

INTRODUCTION = """# Configuration

Settings come from the environment, or from a file given as `ecg --env-file FILE`; the environment goes before the
file. A list is written with commas. The command line's `--host`, `--port` and `--data-dir` go before both. On
Kubernetes the chart's values become these settings (`charts/ecg-audio-analyzer/values.yaml`), and `api.env`,
`operator.env` and `pipeline.env` set any of them.

Generated from the settings' classes by `make generate`.
"""


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    _write_json(folder / "openapi.json", _openapi())
    _write_json(folder / "result.schema.json", WireResult.model_json_schema())
    (folder / "configuration.md").write_text(_configuration(), encoding="utf-8")


def _openapi() -> dict[str, Any]:
    store: Any = None  # the document is generated from signatures; no request is handled
    defaults = Settings.model_construct()
    return create_app(defaults, store).openapi()


def _configuration() -> str:
    registries = (("The API's metrics", ApiMetrics().registry), ("The operator's metrics", Metrics().registry))
    metrics = (_metrics(title, registry) for title, registry in registries)
    return "\n".join([INTRODUCTION, *(_section(title, settings) for title, settings in SECTIONS), *metrics])


def _metrics(title: str, registry: CollectorRegistry) -> str:
    found = sorted(registry.collect(), key=lambda metric: metric.name)
    rows = [f"| `{m.name}{'_total' * (m.type == 'counter')}` | {m.type} | {m.documentation} |" for m in found]
    heading = [f"## {title}", "", METRICS, "", "| metric | kind | what it is |", "|---|---|---|"]
    return "\n".join([*heading, *rows, ""])


def _section(title: str, settings: type[BaseSettings]) -> str:
    fields = sorted(settings.model_fields.items(), key=lambda item: item[0] not in settings.__annotations__)
    rows = [_row(name, field) for name, field in fields]
    return "\n".join([f"## {title}", "", "| setting | default | what it is |", "|---|---|---|", *rows, ""])


def _row(name: str, field: FieldInfo) -> str:
    description = " ".join((field.description or "").split())
    if not description:
        raise SystemExit(f"the setting {name} has no docstring")
    default = "(needed)" if field.is_required() else _default(field)
    return f"| `{name.upper()}` | {default} | {description} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    match value:
        case None | "":
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value:.15g}`{_in_units(value)}"
        case dict():
            return ", ".join(f"`{key}`: `{part}`" for key, part in value.items()) or "none"
        case tuple() | list():
            return ", ".join(f"`{part}`" for part in value) or "none"
        case _:
            return f"`{value}`"


def _in_units(value: float) -> str:
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value >= size and value % size == 0:
            return f" ({value // size} {unit})"
    return ""


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
