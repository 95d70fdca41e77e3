/** The caller's audio on the relay: kept until the server needs it no longer, and sent again after a lost connection. */
import type { PageFrame } from "./frames";

const SAMPLES_PER_MS = 24;
/** Samples that are kept at most: 20 s. */
export const MAX_KEPT = 20_000 * SAMPLES_PER_MS;

/** A position is a number of samples since the start of the leg. */
export class CallerAudio {
  private frames: ArrayBuffer[] = [];
  /** The position of the first kept frame, and the one after the last. */
  private start = 0;
  private end = 0;
  /** Number of the kept frames that this connection has taken. */
  private sent = 0;
  /** True once the server has been told the position of the next frame. */
  private announced = false;
  /** `plain`: the server does not number audio. */
  private state: "new" | "waiting" | "numbered" | "plain" = "new";

  /** @param send sends a frame; false without a connection, or if the network is too slow for it now. */
  constructor(private readonly send: (frame: ArrayBuffer | string) => boolean) {}

  /** True while older frames wait for the connection. */
  get isBehind(): boolean {
    return this.sent < this.frames.length;
  }

  /** Wait for the server's word on another connection. */
  onConnecting(): void {
    if (this.state !== "new") this.state = "waiting";
  }

  onPageFrame(frame: PageFrame): void {
    if (frame.kind === "leg.role") this.onRole(frame.audio_position);
    else if (frame.kind === "audio.acknowledged") this.forget(frame.position);
  }

  add(pcm: ArrayBuffer): void {
    if (this.state === "plain") this.send(pcm);
    if (this.state === "plain" || this.state === "new") return;
    this.frames.push(pcm);
    this.end += samplesOf(pcm);
    this.forget(this.end - MAX_KEPT);
    this.flush();
  }

  /** Continue at the server's position. The first connection begins there. */
  private onRole(position: number | undefined): void {
    if (position === undefined || this.state === "new" || position > this.end) {
      this.frames = [];
      this.start = this.end = position ?? 0;
    }
    this.state = position === undefined ? "plain" : "numbered";
    this.sent = 0;
    this.announced = false;
    this.forget(position ?? 0);
    this.flush();
  }

  private flush(): void {
    if (this.state !== "numbered") return;
    if (!this.announced) {
      const late_ms = Math.round((this.end - this.start) / SAMPLES_PER_MS);
      this.announced = this.send(JSON.stringify({ type: "audio_from", position: this.start, late_ms }));
    }
    for (let next = this.frames[this.sent]; this.announced && next && this.send(next); next = this.frames[this.sent])
      this.sent += 1;
  }

  /** Drop the frames that end before a position. */
  private forget(position: number): void {
    for (let first = this.frames[0]; first && this.start + samplesOf(first) <= position; first = this.frames[0]) {
      this.frames.shift();
      this.start += samplesOf(first);
      if (this.sent > 0) this.sent -= 1;
      else this.announced = false; // The server has to learn that audio is missing.
    }
  }
}

function samplesOf(pcm: ArrayBuffer): number {
  return pcm.byteLength / 2;
}
