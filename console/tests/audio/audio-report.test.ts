import { beforeEach, expect, it } from "vitest";
import { AudioReports } from "../../src/audio/audio-report";
import type { Command } from "../../src/transport/call-socket";

let sent: Command[];
let connected: boolean;
let reports: AudioReports;
const track = (echoCancellation?: boolean): MediaStreamTrack =>
  ({ getSettings: () => ({ echoCancellation }) }) as unknown as MediaStreamTrack;

beforeEach(() => {
  sent = [];
  connected = true;
  reports = new AudioReports((command) => connected && sent.push(command) > 0);
});

it("reports the delays in whole ms, and echo cancellation once the microphone is open", () => {
  reports.update({ bufferMs: 81.4, outputMs: 20.2, microphone: null });
  reports.update({ bufferMs: 81.4, outputMs: 20.2, microphone: track(true) });
  expect(sent).toEqual([
    { type: "audio_report", buffer_ms: 81, output_ms: 20 },
    { type: "audio_report", buffer_ms: 81, output_ms: 20, echo_cancelled: true },
  ]);
});

it("says nothing about cancellation for a track that does not know it", () => {
  reports.update({ bufferMs: 0, outputMs: 0, microphone: track() });
  expect(sent).toEqual([{ type: "audio_report", buffer_ms: 0, output_ms: 0 }]);
});

it("reports only changes that matter", () => {
  for (const bufferMs of [80, 83, 78, 86]) reports.update({ bufferMs, outputMs: 20, microphone: null });
  expect(sent.map((command) => command.type === "audio_report" && command.buffer_ms)).toEqual([80, 86]);
});

it("repeats a report that was not sent, and after a reset", () => {
  connected = false;
  reports.update({ bufferMs: 80, outputMs: 20, microphone: null });
  connected = true;
  reports.update({ bufferMs: 80, outputMs: 20, microphone: null });
  reports.update({ bufferMs: 80, outputMs: 20, microphone: null });
  expect(sent).toHaveLength(1);
  reports.reset();
  reports.update({ bufferMs: 80, outputMs: 20, microphone: null });
  expect(sent).toHaveLength(2);
});
