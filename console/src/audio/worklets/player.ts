/** Worklet that plays the agent's audio and reports positions and levels to the page. */
import { PlayoutQueue, type Position } from "../playout-queue";

export type ToPlayer =
  | { type: "push"; itemId: string; samples: Int16Array }
  | { type: "complete"; itemId: string }
  | { type: "hold"; held: boolean }
  | { type: "clear" };

export type FromPlayer =
  | { type: "position"; position: Position }
  | { type: "cleared"; positions: Position[] }
  | { type: "level"; peak: number; audible: boolean };

const POSITION_EVERY_S = 0.25;
const LEVEL_EVERY_S = 0.05;

class Player extends AudioWorkletProcessor {
  private readonly queue = new PlayoutQueue(sampleRate);
  private sincePosition = 0;
  private sinceLevel = 0;
  private peak = 0;
  private wasAudible = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToPlayer>) => {
      if (data.type === "push") this.queue.push(data.itemId, data.samples);
      else if (data.type === "complete") this.queue.complete(data.itemId);
      else if (data.type === "hold") this.hold(data.held);
      else this.post({ type: "cleared", positions: this.queue.clear() });
    };
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [first, ...others] = outputs[0] ?? [];
    if (first === undefined) return true;
    for (const position of this.queue.render(first)) this.post({ type: "position", position });
    for (const other of others) other.set(first);
    for (const sample of first) this.peak = Math.max(this.peak, Math.abs(sample));
    this.report(first.length);
    return true;
  }

  /** Hold the audio, or play it on. The call needs the exact position if the caller interrupts. */
  private hold(held: boolean): void {
    this.queue.held = held;
    const position = this.queue.current();
    if (held && position) this.post({ type: "position", position });
  }

  private report(samples: number): void {
    this.sincePosition += samples;
    this.sinceLevel += samples;
    const audible = this.queue.hasAudio && !this.queue.held;
    if (audible && this.sincePosition >= sampleRate * POSITION_EVERY_S) {
      this.sincePosition = 0;
      const position = this.queue.current();
      if (position) this.post({ type: "position", position });
    }
    const due = this.sinceLevel >= sampleRate * LEVEL_EVERY_S && (audible || this.wasAudible);
    if (due || audible !== this.wasAudible) {
      this.post({ type: "level", peak: audible ? this.peak : 0, audible });
      this.sinceLevel = this.peak = 0;
      this.wasAudible = audible;
    }
  }

  private post(message: FromPlayer): void {
    this.port.postMessage(message);
  }
}

registerProcessor("player", Player);
