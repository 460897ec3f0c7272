"""JSON output against docs/output.schema.json."""

import functools
import json
import os

import jsonschema

from . import process


@functools.cache
def _validator(name):
    path = os.path.join(process.ROOT, "docs", "output.schema.json")
    with open(path, encoding="utf-8") as f:
        defs = json.load(f)["$defs"]
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": defs})


def check(value, name):
    """VALUE is what the schema's definition NAME says."""
    _validator(name).validate(value)
