"""The fork server: processes start with the libraries imported, and without modules that may change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import trunkline

PROGRAM = """
import json, sys
from pathlib import Path

sys.path.insert(0, "FOLDER")
import reported
from trunkline.fork_server import server_context

if __name__ == "__main__":
    context = server_context([Path(path) for path in sys.argv[1:]])
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=reported.modules, args=(writer,))
    process.start()
    print(json.dumps(reader.recv()))
    process.join()
"""
REPORTED = """
import sys

BEFORE = list(sys.modules)


def modules(writer):
    writer.send(BEFORE)
"""


def modules_of_a_new_process(folder: Path, *changing: Path) -> set[str]:
    """Return the modules that a process has before it imports its own."""
    (folder / "program.py").write_text(PROGRAM.replace("FOLDER", str(folder)))
    (folder / "reported.py").write_text(REPORTED)
    command = [sys.executable, str(folder / "program.py"), *map(str, changing)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    return set(json.loads(ran.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a process imports its modules itself.")
def test_a_process_starts_with_the_libraries_and_the_server_imported(tmp_path: Path) -> None:
    assert {"agents.realtime", "trunkline.web.app"} <= modules_of_a_new_process(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a process imports its modules itself.")
def test_modules_of_a_watched_folder_are_not_imported_before(tmp_path: Path) -> None:
    found = modules_of_a_new_process(tmp_path, Path(trunkline.__file__).parents[1])
    assert "agents.realtime" in found
    assert "trunkline.web.app" not in found
