/** Detection of a dead network by the packets that arrive over a WebRTC connection. */

/** Timeout for peers that send audio all the time, including silence. */
export const STEADY_TIMEOUT_MS = 4000;
/**
 * Timeout for peers that send nothing in silence. Then only the browser's own checks of the connection arrive: every
 * 2.5 s in Chromium, every 4 to 6 s in Firefox.
 */
export const TIMEOUT_MS = 6500;
/** A longer pause between checks means that the page was suspended, so that its counts are stale. */
const SUSPENDED_MS = 3000;
/** Number of consecutive checks with arrivals in silence that prove that the peer sends silence. */
const STEADY_CHECKS = 6;

export class Liveness {
  private arrived = -1;
  private arrivedAt = 0;
  private checkedAt = 0;
  private arrivalsInSilence = 0;

  /**
   * Check the connection; call this every half second.
   *
   * @param arrived the total from `countArrivals`.
   * @param agentSilent true while the agent is silent.
   * @param now the time in ms.
   * @returns whether the network is dead.
   */
  isDead(arrived: number, agentSilent: boolean, now: number): boolean {
    const isNew = arrived !== this.arrived;
    if (isNew || now - this.checkedAt > SUSPENDED_MS) this.arrivedAt = now;
    if (this.arrivalsInSilence < STEADY_CHECKS)
      this.arrivalsInSilence = agentSilent && isNew ? this.arrivalsInSilence + 1 : 0;
    this.arrived = arrived;
    this.checkedAt = now;
    return now - this.arrivedAt >= (this.arrivalsInSilence >= STEADY_CHECKS ? STEADY_TIMEOUT_MS : TIMEOUT_MS);
  }
}

const COUNTS = ["packetsReceived", "responsesReceived", "requestsReceived", "bytesReceived"] as const;

/** Sum everything that has arrived. The sum has no unit: only its growth matters. */
export function countArrivals(report: RTCStatsReport): number {
  let sum = 0;
  report.forEach((entry: Record<string, unknown>) => {
    if (entry.type !== "inbound-rtp" && entry.type !== "candidate-pair" && entry.type !== "transport") return;
    for (const count of COUNTS) if (typeof entry[count] === "number") sum += entry[count];
  });
  return sum;
}
