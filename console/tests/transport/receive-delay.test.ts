import { expect, it } from "vitest";
import { ReceiveDelay } from "../../src/transport/receive-delay";

const stats = (delay: number, emitted: number, roundTrip = 0.02): RTCStatsReport =>
  new Map<string, unknown>([
    ["in", { type: "inbound-rtp", kind: "audio", jitterBufferDelay: delay, jitterBufferEmittedCount: emitted }],
    ["pair", { type: "candidate-pair", nominated: true, currentRoundTripTime: roundTrip }],
    ["other", { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 }],
  ]) as unknown as RTCStatsReport;

it("adds half of the round trip to the jitter buffer's delay since the last report", () => {
  const delay = new ReceiveDelay();
  expect(delay.read(stats(48, 480))).toBeCloseTo(100 + 10);
  expect(delay.read(stats(48 + 24, 480 + 480))).toBeCloseTo(50 + 10);
});

it("keeps the former delay while no audio arrives", () => {
  const delay = new ReceiveDelay();
  delay.read(stats(48, 480));
  expect(delay.read(stats(48, 480))).toBeCloseTo(110);
});

it("is 0 for a report without audio", () => {
  expect(new ReceiveDelay().read(new Map() as unknown as RTCStatsReport)).toBe(0);
});
