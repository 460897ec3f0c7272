"""The check of includes finds an include that runs the wrong way."""

import os
import subprocess

CHECK = os.path.join(os.path.dirname(__file__), "..", "check_includes.py")


def check(root):
    return subprocess.run(["/usr/bin/python3", CHECK, str(root)], capture_output=True, text=True)


def tree(root, **files):
    for name, text in files.items():
        folder, file = name.split("__")
        path = root / "src" / folder
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{file}.c").write_text(text)
    return root


def test_arrows(tmp_path):
    good = tree(tmp_path, net__a='#include "base/buf.h"\n', cmd__b='#include "kernel/source.h"\n')
    assert check(good).returncode == 0


def test_wrong_ways(tmp_path):
    for text, place in [('#include "net/addr.h"', "base__a"), ('#include "cmd/list.h"', "net__a"),
                        ('#include "kernel/diag.h"', "predict__a"), ('#include "net/x.h"', "cli__a"),
                        ('#  include "render/render.h"', "store__a")]:
        root = tmp_path / place / text[-6:-3]
        result = check(tree(root, **{place: text + "\n"}))
        assert result.returncode == 1 and "may not include" in result.stdout, (text, place)


def test_this_checkout():
    assert check(os.path.join(os.path.dirname(__file__), "..", "..")).stdout == ""
