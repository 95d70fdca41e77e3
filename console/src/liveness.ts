/** Tells a dead network from a quiet one, by what still arrives over a WebRTC connection. */

/**
 * Nothing at all for so long is a dead network. While nobody speaks a service may send no sound, but browsers ask the
 * other side whether it is still there: Chromium every 2.5 s, Firefox every 4 to 6 s.
 */
export const DEAD_MS = 6500;
/** The page itself did not run: what arrived meanwhile cannot be known. */
const HALT_MS = 3000;

export class Liveness {
  private arrived = -1;
  private arrivedAt = 0;
  private askedAt = 0;

  /** @param arrived all that has arrived so far; `now` in ms. Returns whether the network is dead. */
  isDead(arrived: number, now: number): boolean {
    if (arrived !== this.arrived || now - this.askedAt > HALT_MS) this.arrivedAt = now;
    this.arrived = arrived;
    this.askedAt = now;
    return now - this.arrivedAt >= DEAD_MS;
  }
}

const COUNTS = ["packetsReceived", "responsesReceived", "requestsReceived", "bytesReceived"] as const;

/** Everything that has arrived, in no unit: it only matters whether it grows. */
export function arrivals(report: RTCStatsReport): number {
  let sum = 0;
  report.forEach((entry: Record<string, unknown>) => {
    if (entry["type"] !== "inbound-rtp" && entry["type"] !== "candidate-pair" && entry["type"] !== "transport") return;
    for (const count of COUNTS) if (typeof entry[count] === "number") sum += entry[count];
  });
  return sum;
}
