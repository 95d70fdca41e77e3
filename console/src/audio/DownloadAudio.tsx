/** Saves what has been heard so far: both voices in one WAV file. */
import type { VNode } from "preact";
import { connection } from "../call/app-state";
import type { Recording } from "./recording";
import { timeOfDay } from "../ui/time";
import { Icon } from "../ui/icons";

/** Browsers begin a download some time after it was asked for. */
const KEPT_MS = 60_000;

export function DownloadAudio(): VNode {
  const recording = connection.recording.value;
  const empty = recording === null || recording.seconds.value === 0;
  return (
    <button
      type="button"
      class="button download-audio"
      aria-label="Download audio"
      title={whatIsRecorded(recording)}
      disabled={empty}
      onClick={() => recording && save(recording.wav(), `trunkline-${connection.call.peek().callId ?? "call"}.wav`)}
    >
      <Icon name="download" />
      <span class="download-name">Download audio</span>
    </button>
  );
}

function whatIsRecorded(recording: Recording | null): string {
  if (recording === null) return "Sound is recorded while this page has the call; it has recorded none";
  if (recording.seconds.value === 0) return "Recorded as soon as the browser lets sound flow";
  const since = timeOfDay(recording.startedAt, 0);
  return `Both voices since ${since}, when this page took the call, as a WAV file: the caller on the left, the agent on the right`;
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
