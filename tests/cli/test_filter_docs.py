"""What is told of filters is so: the examples of the manual run, and every field is named."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DOCS = (ROOT / "docs/filter.md").read_text()
MANUAL = (ROOT / "man/berth-filter.7").read_text()


def _examples():
    for row in DOCS.split("## Examples")[1].splitlines():
        match = re.match(r"\| `(.+?)` \| ", row)
        if match:
            yield match[1].replace("\\|", "|")
    for line in re.findall(r"^\$ berth list (.+)$", MANUAL, re.M):
        yield line.strip("'").replace("\\-", "-")


@pytest.mark.parametrize("example", _examples())
def test_example_runs(berth, netns, example):
    if "www-data" in example:
        example = example.replace("www-data", "root")  # which every host has
    assert berth("list", "--json", example).stdout.startswith("[")


def test_there_are_examples():
    assert len(list(_examples())) >= 20


def test_every_field_is_told():
    source = (ROOT / "src/net/socket.h").read_text()
    keys = re.findall(r'X\(\w+, "(\w+)", ', source)
    assert len(keys) > 60
    table = DOCS.split("## Fields")[1]
    told = set(re.findall(r"^\| `(\w+)` \| (?:number|text|yes/no) \|", table, re.M))
    assert told == set(keys)


@pytest.mark.parametrize("name, told", [("docs", DOCS), ("man", MANUAL.replace("\\-", "-"))])
def test_every_keyword_is_told(name, told):
    source = (ROOT / "src/net/filter_term.c").read_text()
    keywords = re.findall(r'\{"(\w+)", read_\w+, \w+\}', source)
    assert len(keywords) > 20
    # proto, kind and family are other words for what stands alone.
    missing = [k for k in keywords if not re.search(rf"\b{k}\b", told)]
    assert [k for k in missing if k not in ("proto", "kind", "family")] == []
