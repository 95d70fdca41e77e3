"""Requirements of the image: the packages of some extras, and their versions with hashes.

    image_requirements.py wanted local,webrtc    the requirements in pyproject.toml: the base, and these extras
    image_requirements.py wanted build           the requirements of the build
    image_requirements.py locked WHEELS          the lines of constraints-hashes.txt for the wheels in a folder

pip cannot install by a file of hashes that has more packages than it needs. So it first downloads the wheels that the
extras require, and then installs exactly these, each by its hash. It runs in the image, with Python's own modules only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def wanted(extras: list[str]) -> list[str]:
    """Return the requirements of the base and of some extras, or those of the build.

    Raises:
        SystemExit: an extra does not exist.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    if extras == ["build"]:
        return list(project["build-system"]["requires"])
    name = project["project"]["name"]
    known: dict[str, list[str]] = project["project"]["optional-dependencies"]
    found: list[str] = list(project["project"]["dependencies"])
    pending = list(extras)
    for extra in pending:
        if extra not in known:
            raise SystemExit(f"The extra {extra!r} does not exist. Choose among: {', '.join(sorted(known))}.")
        for requirement in known[extra]:
            own = re.fullmatch(rf"{name}\[([\w,-]+)\]", requirement)
            if own is None:
                found.append(requirement)
            else:
                pending += [other for other in own[1].split(",") if other not in pending]
    return sorted(set(found))


def locked(wheels: Path) -> list[str]:
    """Return the lines of constraints-hashes.txt for the wheels in a folder.

    Raises:
        SystemExit: a wheel's package or version has no line.
    """
    text = (ROOT / "constraints-hashes.txt").read_text("utf-8")
    lines = {
        (_normal(name), version): f"{name}=={version}{hashes}"
        for name, version, hashes in re.findall(r"^([\w.-]+)==(\S+)((?: \\\n +--hash=\S+)*)", text, re.MULTILINE)
    }
    found = []
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        line = lines.get((_normal(name), version))
        if line is None:
            raise SystemExit(
                f"{name} {version} is not in constraints-hashes.txt. Add it to constraints.txt: make hashes."
            )
        found.append(line)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> None:
    match arguments:
        case ["wanted", extras]:
            print("\n".join(wanted([extra for extra in extras.split(",") if extra])))
        case ["locked", folder]:
            print("\n".join(locked(Path(folder))))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
