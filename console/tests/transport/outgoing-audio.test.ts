import { expect, it } from "vitest";
import { countSent, OutgoingAudio, STOPPED_AFTER_MS } from "../../src/transport/outgoing-audio";

const LOOK_MS = 500;
type Report = [number, boolean, number];

/** Check every half second from a time on; return the reports with their times. */
function watch(audio: OutgoingAudio, from: number, until: number, sent: (now: number) => number): Report[] {
  const reports: Report[] = [];
  for (let now = from; now <= until; now += LOOK_MS) {
    const report = audio.check(sent(now), now);
    if (report) reports.push([now, report.flows, report.sinceMs]);
  }
  return reports;
}

it("reports audio that flows, stops and flows again, each once", () => {
  const audio = new OutgoingAudio();
  expect(watch(audio, 10_000, 12_000, (now) => now)).toEqual([[10_000, true, 0]]);
  expect(watch(audio, 12_500, 20_000, () => 12_000)).toEqual([[13_000, false, STOPPED_AFTER_MS]]);
  expect(watch(audio, 20_500, 22_000, (now) => now)).toEqual([[20_500, true, 0]]);
});

it("reports nothing before the first packet", () => {
  expect(watch(new OutgoingAudio(), 10_000, 60_000, () => 0)).toEqual([]);
});

it("does not take a suspended page for audio that stopped", () => {
  const audio = new OutgoingAudio();
  watch(audio, 10_000, 12_000, (now) => now);
  expect(watch(audio, 60_000, 60_500, () => 12_000)).toEqual([]);
});

it("repeats its report when the server has forgotten it", () => {
  const audio = new OutgoingAudio();
  watch(audio, 10_000, 12_000, (now) => now);
  watch(audio, 12_500, 14_000, () => 12_000);
  audio.repeat();
  expect(audio.check(12_000, 14_500)).toEqual({ flows: false, sinceMs: 2500 });
  expect(audio.check(12_000, 15_000)).toBeNull();
});

it("counts the packets of outgoing streams only", () => {
  const report = new Map([
    ["a", { type: "outbound-rtp", packetsSent: 5 }],
    ["b", { type: "inbound-rtp", packetsReceived: 7 }],
  ]);
  expect(countSent(report as unknown as RTCStatsReport)).toBe(5);
});
