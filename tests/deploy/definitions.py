"""The definitions of custom resources, where the machine has them: HORNBEAM_CRDS names a directory with one to a file."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.chart import Object

__all__ = ["DEFINITIONS", "check_custom", "needs_definitions"]

DEFINITIONS = os.environ.get("HORNBEAM_CRDS", "")
needs_definitions = pytest.mark.skipif(not DEFINITIONS, reason="HORNBEAM_CRDS names no directory of CustomResourceDefinitions")


def check_custom(one: Object) -> None:
    """Holds an object to its definition, unknown fields refused. Raises jsonschema.ValidationError."""
    for error in jsonschema.Draft202012Validator(_schemas()[one["apiVersion"], one["kind"]]).iter_errors(one):
        raise error


@cache
def _schemas() -> dict[tuple[str, str], Any]:
    schemas = {}
    for path in Path(DEFINITIONS).glob("*.yaml"):
        definition = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]
        for version in definition["versions"]:
            name = f"{definition['group']}/{version['name']}", definition["names"]["kind"]
            schemas[name] = _closed(version["schema"]["openAPIV3Schema"])
    return schemas


def _closed(schema: Any) -> Any:
    """A schema that refuses what it does not name, as an API server with strict fields does; without Go's regular expressions."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items() if not (name == "pattern" and "(?i)" in str(value))}
    if schema.get("type") == "object" and "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed
