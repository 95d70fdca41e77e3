/** Tells a dead network from a quiet one, by what still arrives over a WebRTC connection. */

/** How long nothing may arrive where sound is sent all the time, silence as well. */
export const STEADY_DEAD_MS = 4000;
/**
 * And where it is not: then there is only the browser, which asks the other side whether it is still there, Chromium
 * every 2.5 s, Firefox every 4 to 6 s.
 */
export const DEAD_MS = 6500;
/** The page itself did not run: what arrived meanwhile cannot be known. */
const HALT_MS = 3000;
/** Looks in a row that find something new while nobody speaks, from which on it is known that silence is sent. */
const STEADY_LOOKS = 6;

export class Liveness {
  private arrived = -1;
  private arrivedAt = 0;
  private askedAt = 0;
  private quietArrivals = 0;

  /**
   * To be asked every half second.
   *
   * @param arrived all that has arrived so far.
   * @param quiet whether the agent is silent.
   * @param now in ms.
   * @returns whether the network is dead.
   */
  isDead(arrived: number, quiet: boolean, now: number): boolean {
    const isNew = arrived !== this.arrived;
    if (isNew || now - this.askedAt > HALT_MS) this.arrivedAt = now;
    if (this.quietArrivals < STEADY_LOOKS) this.quietArrivals = quiet && isNew ? this.quietArrivals + 1 : 0;
    this.arrived = arrived;
    this.askedAt = now;
    return now - this.arrivedAt >= (this.quietArrivals >= STEADY_LOOKS ? STEADY_DEAD_MS : DEAD_MS);
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
