"""Predictions hold against the running kernel: random scenes, random questions (tests/prove)."""

import os
import time

import pytest

from lib import features, process

PROVE = process.built("PROVE", "tests/prove/prove")
# Under sanitizers everything takes longer.
CASES = 1000 if "sanitized" in PROVE else 10000


def prove(*args):
    return process.run([PROVE, *args, "--verbose"], status=None, timeout=300)


@pytest.mark.parametrize("seed", [1, int(time.time())], ids=["fixed", "fresh"])
def test_with_bpf_every_answer_is_right(seed):
    features.require(features.has_bpf)
    features.require(features.is_root)
    result = prove("--cases", str(CASES), "--seed", str(seed))
    assert result.status == 0, result.stdout


def test_without_bpf_no_answer_is_wrong():
    features.require(features.is_root)
    result = prove("--cases", "1500", "--seed", "3", "--via", "diag")
    assert result.status == 0, result.stdout
