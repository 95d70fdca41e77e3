/** Delay of received audio over WebRTC: half of the round trip, and the jitter buffer. */

export class ReceiveDelay {
  private delayS = 0;
  private emitted = 0;
  private bufferMs = 0;
  private networkMs = 0;

  /** Return the delay in ms since the last report; without new audio, the former delay. */
  read(report: RTCStatsReport): number {
    report.forEach((entry: Record<string, unknown>) => {
      if (entry.type === "inbound-rtp" && entry.kind === "audio") this.readBuffer(entry);
      else if (
        entry.type === "candidate-pair" &&
        entry.nominated === true &&
        typeof entry.currentRoundTripTime === "number"
      )
        this.networkMs = entry.currentRoundTripTime * 500;
    });
    return this.bufferMs + this.networkMs;
  }

  private readBuffer({ jitterBufferDelay, jitterBufferEmittedCount }: Record<string, unknown>): void {
    if (typeof jitterBufferDelay !== "number" || typeof jitterBufferEmittedCount !== "number") return;
    const emitted = jitterBufferEmittedCount - this.emitted;
    if (emitted > 0) this.bufferMs = ((jitterBufferDelay - this.delayS) / emitted) * 1000;
    this.delayS = jitterBufferDelay;
    this.emitted = jitterBufferEmittedCount;
  }
}
