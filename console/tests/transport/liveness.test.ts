import { expect, it } from "vitest";
import { countArrivals, Liveness, STEADY_TIMEOUT_MS, TIMEOUT_MS } from "../../src/transport/liveness";

const LOOK_MS = 500;

/** Check every half second from a time on; return the time of the dead network, or null. */
function watch(
  liveness: Liveness,
  from: number,
  until: number,
  arrived: (now: number) => number,
  quiet = true,
): number | null {
  for (let now = from; now <= until; now += LOOK_MS) if (liveness.isDead(arrived(now), quiet, now)) return now;
  return null;
}

it("reports a dead network without arrivals, sooner if the peer sends silence", () => {
  const speaking = new Liveness();
  watch(speaking, 0, 5000, (now) => now, false);
  expect(watch(speaking, 5500, 60_000, () => 5000)).toBe(5000 + TIMEOUT_MS);

  const steady = new Liveness();
  watch(steady, 0, 5000, (now) => now);
  expect(watch(steady, 5500, 60_000, () => 5000)).toBe(5000 + STEADY_TIMEOUT_MS);
});

it("accepts a service that sends nothing in silence but answers the browser", () => {
  const liveness = new Liveness();
  watch(liveness, 0, 5000, (now) => now, false);
  expect(watch(liveness, 5500, 120_000, (now) => 5000 + Math.floor(now / 5000))).toBeNull();
});

it("ignores time in which the page was suspended", () => {
  const liveness = new Liveness();
  watch(liveness, 0, 5000, (now) => now);
  expect(liveness.isDead(5000, true, 600_000)).toBe(false);
  expect(watch(liveness, 600_500, 700_000, () => 5000)).toBe(600_000 + STEADY_TIMEOUT_MS);
});

it("counts received data only", () => {
  const report = new Map<string, unknown>([
    ["a", { type: "inbound-rtp", packetsReceived: 7 }],
    ["b", { type: "candidate-pair", responsesReceived: 2, requestsReceived: 1, bytesSent: 1000 }],
    ["c", { type: "outbound-rtp", packetsSent: 50, bytesReceived: 9 }],
  ]);
  expect(countArrivals(report as unknown as RTCStatsReport)).toBe(10);
});
