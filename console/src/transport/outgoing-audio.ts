/** Detection of a caller's audio that no longer leaves the page over WebRTC, by the packets that are sent. */

/** Time without a packet after which the audio has stopped. With DTX, a silent sender still sends every 400 ms. */
export const STOPPED_AFTER_MS = 1000;
/** A longer pause between checks means that the page was suspended. */
const SUSPENDED_MS = 3000;

export class OutgoingAudio {
  private sent = 0;
  private sentAt = 0;
  private checkedAt = 0;
  /** True while packets leave; null before the first one. */
  private flows: boolean | null = null;
  private reported: boolean | null = null;

  /**
   * Check the audio; call this every half second.
   *
   * @param sent the total from `countSent`.
   * @param now the time in ms.
   * @returns whether audio flows, with the time since then in ms, if that must be reported; otherwise null.
   */
  check(sent: number, now: number): { flows: boolean; sinceMs: number } | null {
    if (sent !== this.sent || now - this.checkedAt > SUSPENDED_MS) this.sentAt = now;
    if (sent !== this.sent) this.flows = true;
    else if (this.flows && now - this.sentAt >= STOPPED_AFTER_MS) this.flows = false;
    this.sent = sent;
    this.checkedAt = now;
    if (this.flows === null || this.flows === this.reported) return null;
    this.reported = this.flows;
    return { flows: this.flows, sinceMs: Math.round(now - this.sentAt) };
  }

  /** Report the state again at the next check: the server has forgotten it. */
  repeat(): void {
    this.reported = null;
  }
}

/** Sum the packets of the caller's audio. */
export function countSent(report: RTCStatsReport): number {
  let sum = 0;
  report.forEach((entry: Record<string, unknown>) => {
    if (entry.type === "outbound-rtp" && typeof entry.packetsSent === "number") sum += entry.packetsSent;
  });
  return sum;
}
