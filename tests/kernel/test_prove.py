"""Predictions hold against the running kernel: random scenes, random questions (tests/prove)."""

import subprocess
import time

import pytest

from lib import features, process

PROVE = process.built("PROVE", "tests/prove/prove")
# Under sanitizers everything takes longer.
CASES = 1000 if "sanitized" in PROVE else 10000

RUNS = {
    "fixed": ["--cases", CASES, "--seed", 1],
    "fresh": ["--cases", CASES, "--seed", int(time.time())],
    "diag": ["--cases", 1500, "--seed", 3, "--via", "diag"],
}


@pytest.fixture(scope="module")
def runs():
    """All of them at once: each has namespaces of its own, and a processor if there are several."""
    features.require(features.is_root)
    names = [name for name in RUNS if name == "diag" or features.has_bpf()]
    started = {
        name: process.start([PROVE, *map(str, RUNS[name]), "--verbose"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name in names
    }
    yield started
    for one in started.values():
        process.end(one)


def output_of(run):
    output = run.communicate(timeout=300)[0]
    assert run.returncode == 0, output


@pytest.mark.parametrize("name", ["fixed", "fresh"])
def test_with_bpf_every_answer_is_right(runs, name):
    features.require(features.has_bpf)
    output_of(runs[name])


def test_without_bpf_no_answer_is_wrong(runs):
    output_of(runs["diag"])
