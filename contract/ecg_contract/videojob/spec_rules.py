"""Which of a VideoJob's spec may be changed, as CEL rules of its schema.

A rule stands at the field that it is about: `self.field` of a rule further out has the API server look through all
fields around it, and each write of the status is checked by every rule, too. Only a field that may be absent needs a
rule further out: nothing at a field is evaluated where the field is added or removed.
"""

from typing import Any

from ecg_contract.base_model import kubernetes_case
from ecg_contract.videojob.spec import CEL_RULES, SPEC_CHANGING, SPEC_COUNTERS, cel_rule

Schema = dict[str, Any]

_COUNTERS = {kubernetes_case(name) for name in SPEC_COUNTERS}
_CHANGING = {kubernetes_case(name) for name in SPEC_CHANGING}


def add_spec_rules(spec: Schema) -> None:
    """Add them to the spec's structural schema."""
    for name, field in spec["properties"].items():
        if name in _COUNTERS:
            _add(field, "self >= oldSelf", f"{name} only grows")
        elif name not in _CHANGING:
            message = f"{name} cannot be changed: delete the VideoJob and create it anew"
            _add(field, "self == oldSelf", message)
            if name not in spec.get("required", ()) and "default" not in field:
                _add(spec, f"has(self.{name}) == has(oldSelf.{name})", message)


def _add(schema: Schema, rule: str, message: str) -> None:
    """Beside the rules that it has."""
    schema[CEL_RULES] = [*schema.get(CEL_RULES, ()), *cel_rule(rule, message)[CEL_RULES]]
