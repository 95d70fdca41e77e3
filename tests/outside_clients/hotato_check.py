"""Let hotato, an outside judge of calls, find the incidents in a recording: `make clients` runs it.

The call has an agent who does not stop for the caller, and a long silence before an answer. It passes through the
recorder, the encoder and the joined WAV file. hotato has an environment of its own in `.make/outside`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

import numpy as np

from tests.store.audio.test_recorder import Rig
from trunkline.calls.filler_audio import recording as filler_recording
from trunkline.calls.log import Entry
from trunkline.calls.log_events import AudioStarted, LegJoined
from trunkline.scenario.fillers import FillerKind
from trunkline.store.audio.joined import JoinedRecording

VERSION = "hotato==1.20.0"
ENVIRONMENT = ROOT / ".make" / "outside" / "hotato"
CLOSE_S = 0.05
"""The judge's frames are 10 ms long, and speech begins softly."""
SECOND = 48_000


def record(folder: Path) -> Path:
    """Record the call, and return it as a WAV file."""
    agent, caller = (b"".join(filler_recording(language, kind) for kind in FillerKind) for language in ("en", "de"))
    rig = Rig(folder)
    with rig.recorder:
        rig.call.read(Entry(2, 10, LegJoined(leg_id="leg_1", transport="websocket")))
        for seq, start_ms, seconds in ((3, 1000, 6), (5, 16_000, 5)):
            rig.clock.now_s = 100 + start_ms / 1000
            rig.call.read(Entry(seq, start_ms, AudioStarted(item_id=f"msg_{seq}")))
            rig.call.on_audio_sent(agent[: seconds * SECOND], start_ms)
            if start_ms == 1000:
                rig.says(np.frombuffer(caller[: 4 * SECOND], "<i2"), 5000)
        rig.clock.now_s = 122.5
        time.sleep(1)  # the recorder takes the page's playout in
        rig.ends(23_000)
        while not rig.call.is_over:
            time.sleep(0.05)
    path = folder / "call.wav"
    path.write_bytes(b"".join(JoinedRecording(rig.store, rig.store.list("call_1")).wav()))
    return path


def judged(path: Path) -> dict[str, Any]:
    """Return hotato's report."""
    program = ENVIRONMENT / "bin" / "hotato"
    if not program.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", VERSION], check=True)
    command = [str(program), "autopsy", path.name, "--format", "json"]
    done = subprocess.run(command, check=True, cwd=path.parent, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def problem(report: dict[str, Any]) -> str | None:
    """Return the difference between the call and the judge's report, or None."""
    if (report["mode"], report["duration_sec"]) != ("stereo", 23.0):
        return f"it read {report['mode']} audio of {report['duration_sec']} s"
    found = {one["scan_kind"]: one for one in report["incidents"]}
    if "overlap_while_agent_talking" not in found or "long_response_gap" not in found:
        return f"it found {sorted(found)}"
    barge_in, dead_air = found["overlap_while_agent_talking"], found["long_response_gap"]
    if abs(barge_in["t_sec"] - 5.0) > CLOSE_S:
        return f"the caller began to talk over the agent at {barge_in['t_sec']} s instead of 5 s"
    answered = dead_air["t_sec"] + dead_air["measurements"]["gap_sec"]
    return None if abs(answered - 16.0) <= CLOSE_S else f"the answer began at {answered} s instead of 16 s"


def main() -> int:
    """Run the check."""
    with tempfile.TemporaryDirectory() as folder:
        found = problem(judged(record(Path(folder))))
    print(f"{VERSION}: {'agrees with the recording' if found is None else found}")
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
