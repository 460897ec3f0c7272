"""A command is a row of src/commands.c, a file in src/cmd (an old tongue: in src/dialect), a man page, and a file of tests: none is
there without the others."""

import glob
import os
import re

import pytest

from lib import process

SOURCES = [os.path.join(process.ROOT, "src", folder) for folder in ("cmd", "dialect")]


def commands():
    return process.run([process.built("TABLES", "tools/tables"), "commands"]).lines


def missing(root, command):
    """What a command doesn't have of all that it needs."""
    file, page = command.replace(" ", "_"), "berth-" + command.replace(" ", "-")
    if os.path.exists(os.path.join(root, f"src/dialect/{file}.c")):
        needed = (f"man/{page}.1", f"tests/peer/test_{file}.py")
    else:
        needed = (f"src/cmd/{file}.c", f"man/{page}.1", f"tests/cli/test_{file}.py")
    for path in needed:
        if not os.path.exists(os.path.join(root, path)):
            yield path
    with open(os.path.join(root, "man/meson.build"), encoding="utf-8") as pages:
        if f"'{page}': '{command}'" not in pages.read():
            yield f"{page} in man/meson.build"


def defined():
    """The names of the commands that files of src/cmd define."""
    for path in sorted(path for root in SOURCES for path in glob.glob(f"{root}/*.c")):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        for body in re.findall(r"^const struct command command_\w+ = \{(.*?)^\};", text, re.S | re.M):
            yield re.search(r'\.name = "([^"]+)"', body)[1]


@pytest.mark.parametrize("command", commands())
def test_command_has_everything(command):
    assert not list(missing(process.ROOT, command))


def test_every_command_has_a_row():
    assert sorted(defined()) == sorted(commands())


def test_every_page_has_a_command():
    pages = {name[:-2] for name in os.listdir(os.path.join(process.ROOT, "man")) if name.endswith(".1")}
    assert pages == {"berth"} | {"berth-" + command.replace(" ", "-") for command in commands()}


def test_every_page_of_what_commands_share_is_there_to_read():
    """Section 7: installed, and named where people begin to read."""
    man = os.path.join(process.ROOT, "man")
    pages = [name for name in os.listdir(man) if name.endswith(".7")]
    with open(os.path.join(man, "meson.build"), encoding="utf-8") as file:
        installed = re.findall(r"'(berth-[a-z-]+\.7)'", file.read())
    with open(os.path.join(man, "berth.1"), encoding="utf-8") as file:
        named = re.findall(r"^\.BR (berth\S+) \(7\)", file.read().split(".SH SEE ALSO")[1], re.M)
    assert sorted(pages) == sorted(installed)
    assert sorted(pages) == sorted(name.replace("\\-", "-") + ".7" for name in named)


def test_a_command_without_its_parts_is_refused(tmp_path):
    for folder in ("src/cmd", "man", "tests/cli"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "man/meson.build").write_text("man_pages = {\n}\n")
    assert list(missing(tmp_path, "explain bind")) == [
        "src/cmd/explain_bind.c",
        "man/berth-explain-bind.1",
        "tests/cli/test_explain_bind.py",
        "berth-explain-bind in man/meson.build",
    ]
