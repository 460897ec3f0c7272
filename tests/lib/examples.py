"""Examples of the documentation beside real output: `...` stands for anything (alone on a line for any
lines, in a line for any text), numbers of processes and descriptors as in nginx[812]/3 and /proc/812
are any, and so are durations (59s, 1m00s), blanks count as one."""

import re


NUMBERED = re.compile(r"\\\[\d+\\\](/\d+)?")
IN_PROC = re.compile(r"(?<=/proc/)\d+")
DURATION = re.compile(r"(?<![\w.])(?:\d+m)?\d+(?:\\\.\d+)?m?s\b")


def pattern(lines):
    """A regular expression for the output that these lines show."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*")
            continue
        words = r"\s+".join(re.escape(word) for word in line.split())
        words = words.replace(r"\.\.\.", ".*")
        words = NUMBERED.sub(lambda m: r"\[\d+\]" + (m[1] and r"/\d+" or ""), words)
        words = DURATION.sub(r"[0-9.ms]+", IN_PROC.sub(r"\\d+", words))
        parts.append(r"\s*" + words + r"[ ]*\n")
    return "".join(parts)


def shows(lines, output):
    """Whether the output is what these lines show. Rows come as the kernel has them, which differs
    from way to way and from boot to boot, so that their order is free. A line "..." stands for any
    others."""
    if re.fullmatch(pattern(lines), output):
        return True
    left = output.splitlines(keepends=True)
    for line in lines:
        if line == "...":
            continue
        found = next((at for at in left if re.fullmatch(pattern([line]), at)), None)
        if found is None:
            return False
        left.remove(found)
    return not left or "..." in lines
