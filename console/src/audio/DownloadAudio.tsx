/** Button that saves the recording: both voices in one WAV file. */
import type { VNode } from "preact";
import { connection } from "../call/app-state";
import { downloadFile } from "../ui/export";
import { Icon } from "../ui/icons";
import { timeOfDay } from "../ui/time";
import type { Recording } from "./recording";

export function DownloadAudio(): VNode {
  const recording = connection.recording.value;
  const empty = recording === null || recording.seconds.value === 0;
  return (
    <button
      type="button"
      class="button download-audio"
      aria-label="Download audio"
      title={describeRecording(recording)}
      disabled={empty}
      onClick={() =>
        recording && downloadFile(`trunkline-${connection.call.peek().callId ?? "call"}.wav`, recording.wav())
      }
    >
      <Icon name="download" />
      <span class="download-name">Download audio</span>
    </button>
  );
}

function describeRecording(recording: Recording | null): string {
  if (recording === null) return "No recording: this page records only while it is the caller";
  if (recording.seconds.value === 0) return "No recording yet: click the page, so that the browser allows audio";
  const since = timeOfDay(recording.startedAt, 0);
  return `Both voices since ${since}, when this page became the caller, as a WAV file: the caller left, the agent right`;
}
