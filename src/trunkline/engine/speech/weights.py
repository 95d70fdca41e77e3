"""The weights of better recognisers and voices: where they lie, and fetching them, which happens only when asked for.

The addresses could not be tried where this was written, because no model hub could be reached from there; fetching was
tried against a server on the same machine.
"""

from __future__ import annotations

import functools
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trunkline.engine.speech import SpeechError

_WHISPER = "{hub}/Systran/faster-whisper-{size}/resolve/main/"
_WHISPER_FILES = ("config.json", "tokenizer.json", "vocabulary.txt", "model.bin")
_KOKORO = "{releases}/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0/"
KOKORO_MODEL, KOKORO_VOICES = "kokoro-v1.0.onnx", "voices-v1.0.bin"
HUB, RELEASES = "https://huggingface.co", "https://github.com"
_CHUNK = 1 << 18
SILENCE_TIMEOUT = 30.0


@dataclass(frozen=True)
class Weights:
    """What one model consists of.

    Attributes:
        name: what `trunkline models fetch` calls it.
        what: for people.
        address: the files' common address, with `{hub}` or `{releases}` for the host.
        files: their names.
        about_mb: how much there is to fetch.
    """

    name: str
    what: str
    address: str
    files: tuple[str, ...]
    about_mb: int

    def folder(self, models: Path) -> Path:
        """Where its files lie."""
        return models / self.name

    def are_there(self, models: Path) -> bool:
        """Whether all of them do."""
        return all((self.folder(models) / name).is_file() for name in self.files)


def _whisper(size: str, mb: int) -> Weights:
    what = f"recogniser, {'English' if size.endswith('.en') else 'many languages'}"
    return Weights(f"whisper-{size}", what, _WHISPER.replace("{size}", size), _WHISPER_FILES, mb)


KNOWN = {
    one.name: one
    for one in (
        _whisper("tiny.en", 75),
        _whisper("base.en", 145),
        _whisper("small.en", 485),
        _whisper("tiny", 75),
        _whisper("base", 145),
        _whisper("small", 485),
        Weights("kokoro", "voice, nine languages", _KOKORO, (KOKORO_MODEL, KOKORO_VOICES), 340),
    )
}
"""The models that can be fetched, by name."""

Progress = Callable[[str, int, int | None], None]
"""Told a file's name, how many bytes of it have come, and how many there are, if the hub says."""


def fetch(
    weights: Weights, models: Path, progress: Progress, *, hub: str = HUB, releases: str = RELEASES
) -> list[Path]:
    """Fetches the files that are missing of a model. One that breaks off leaves nothing behind.

    Returns:
        The files that came.

    Raises:
        SpeechError: the hub cannot be reached or does not have a file, or there is no place for it.
    """
    folder = weights.folder(models)
    address = weights.address.format(hub=hub, releases=releases)
    came = []
    for name in weights.files:
        path = folder / name
        if path.is_file():
            continue
        part = path.with_name(f"{name}.part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch_one(address + name, part, functools.partial(progress, name))
            part.rename(path)
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
        came.append(path)
    return came


def _fetch_one(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    with urllib.request.urlopen(url, timeout=SILENCE_TIMEOUT) as answer, part.open("wb") as file:  # noqa: S310 - from the table
        length = answer.headers.get("Content-Length")
        size = int(length) if length else None
        done = 0
        while came := answer.read(_CHUNK):
            file.write(came)
            done += len(came)
            progress(done, size)
        if size is not None and done < size:
            raise OSError(f"it broke off after {done} of {size} bytes")
