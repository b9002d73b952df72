"""Conditions of an object's status, as Kubernetes writes them."""

from typing import Any

Manifest = dict[str, Any]


def condition(manifest: Manifest, kind: str) -> Manifest:
    """Empty where the object has none of that type."""
    return next((c for c in manifest["status"].get("conditions") or [] if c["type"] == kind), {})


def holds(manifest: Manifest, kind: str) -> bool:
    return condition(manifest, kind).get("status") == "True"
