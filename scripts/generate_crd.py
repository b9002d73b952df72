"""Write the chart's CustomResourceDefinition of `VideoJob` from the models: charts/ecg-audio-analyzer/files/crd.yaml.

`make verify` runs this and fails when the committed file differs. An argument names another output file.
"""

import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without types

from ecg_contract.videojob.crd import custom_resource_definition

TARGET = Path(__file__).parents[1] / "charts" / "ecg-audio-analyzer" / "files" / "crd.yaml"

HEADING = "# Generated from contract/ecg_contract/videojob/resource.py by `make generate`; edit that instead.\n"
YAML_11_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"})
"""YAML 1.1, which helm and kubectl read, does not take these words, in any case, for strings."""


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # its base has no types
    """Quotes strings that a YAML 1.1 reader would take for another type, and writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, text: str) -> Any:
    style = '"' if text.lower() in YAML_11_WORDS else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def rendered() -> str:
    """The definition as YAML, with the annotation that keeps it, and with it all VideoJobs, on `helm uninstall`."""
    crd = custom_resource_definition()
    annotations = crd["metadata"].get("annotations", {}) | {"helm.sh/resource-policy": "keep"}
    crd["metadata"] = crd["metadata"] | {"annotations": annotations}
    return HEADING + str(yaml.dump(crd, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
