/** Reports of the page's audio to the server: its delays, and echo cancellation. */
import type { Command } from "../transport/call-socket";

/** A smaller change of a delay is not reported. */
const MIN_CHANGE_MS = 5;
const MAX_MS = 10_000;

export interface AudioState {
  /** Time in ms that the agent's audio needs until the page can no longer stop it. */
  bufferMs: number;
  /** Time in ms from there to the loudspeaker. */
  outputMs: number;
  microphone: MediaStreamTrack | null;
}

export class AudioReports {
  private sent: (Command & { type: "audio_report" }) | null = null;

  /** @param send returns false without a connection. */
  constructor(private readonly send: (command: Command) => boolean) {}

  /** Send the next report in any case, since the server may not have the last one. */
  reset(): void {
    this.sent = null;
  }

  /** Report the state if it has changed. */
  update({ bufferMs, outputMs, microphone }: AudioState): void {
    // A track that is no device, such as one of Web Audio, has no such setting, and says nothing about an echo.
    const cancellation = microphone?.getSettings().echoCancellation;
    const report = {
      type: "audio_report" as const,
      buffer_ms: limit(bufferMs),
      output_ms: limit(outputMs),
      ...(cancellation !== undefined && { echo_cancelled: Boolean(cancellation) }),
    };
    if (this.sent !== null && isAlike(this.sent, report)) return;
    if (this.send(report)) this.sent = report;
  }
}

function isAlike(a: Command & { type: "audio_report" }, b: Command & { type: "audio_report" }): boolean {
  return (
    Math.abs(a.buffer_ms - b.buffer_ms) < MIN_CHANGE_MS &&
    Math.abs(a.output_ms - b.output_ms) < MIN_CHANGE_MS &&
    a.echo_cancelled === b.echo_cancelled
  );
}

function limit(ms: number): number {
  return Math.max(0, Math.min(MAX_MS, Math.round(ms)));
}
