#!/usr/bin/python3
"""Which folder of src/ may include which: the arrows of docs/ARCHITECTURE.md, held against the code.

    check_includes.py [DIR]     DIR: the folder that holds src/, by default the checkout
"""
import os
import re
import sys

# folder -> the folders that it may include, its own apart
ARROWS = {
    "base": set(),
    "net": {"base"},
    "render": {"base"},
    "cli": {"base"},
    "names": {"base", "net"},
    "kernel": {"base", "net"},
    "predict": {"base", "net"},
    "flow": {"base", "net"},
    "store": {"base", "net"},
    "modules": {"base", "net", "flow"},
}
EVERYTHING = set(ARROWS) - {"modules"}  # opened at run time, included by nobody
ARROWS["cmd"] = EVERYTHING
ARROWS["dialect"] = EVERYTHING
# commands.c and main.c stand in src/ itself.
TOP = {"commands.c": {"cli", "cmd", "dialect"}, "main.c": {"cli"}}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"/]+)/', re.MULTILINE)


def faults(root):
    """(file, folder) of each include that runs the wrong way."""
    src = os.path.join(root, "src")
    for directory, _, names in os.walk(src):
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.join(directory, name)
            place = os.path.relpath(path, src).split(os.sep)
            allowed = TOP.get(name, set()) if len(place) == 1 else ARROWS.get(place[0], set())
            with open(path, encoding="utf-8") as file:
                for folder in INCLUDE.findall(file.read()):
                    if folder in ARROWS and folder not in allowed | {place[0]}:
                        yield os.path.relpath(path, root), folder


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..")
    found = list(faults(root))
    for path, folder in found:
        print(f"{path}: may not include {folder}/ (see docs/ARCHITECTURE.md)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
