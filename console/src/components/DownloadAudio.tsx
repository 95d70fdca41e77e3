/** Saves what has been heard so far: both voices in one WAV file. */
import type { VNode } from "preact";
import { connection } from "../console";
import { Icon } from "./icons";

/** Browsers begin a download some time after it was asked for. */
const KEPT_MS = 60_000;

export function DownloadAudio(): VNode {
  const recording = connection.recording.value;
  return (
    <button
      type="button"
      class="button download-audio"
      aria-label="Download audio"
      title="Both voices as a WAV file: the caller on the left, the agent on the right"
      disabled={recording === null || recording.seconds.value === 0}
      onClick={() => recording && save(recording.wav(), `trunkline-${connection.call.peek().callId ?? "call"}.wav`)}
    >
      <Icon name="download" />
      <span class="download-name">Download audio</span>
    </button>
  );
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
