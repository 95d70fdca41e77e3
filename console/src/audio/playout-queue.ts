/** Queue of the agent's audio with the played duration of each message. It runs in the player's worklet. */

export const SAMPLE_RATE = 24_000;
/** Capacity in samples: five minutes. Audio beyond it is dropped and counts as not heard. */
const MAX_WAITING_SAMPLES = SAMPLE_RATE * 300;

/** Played duration of a message; `ended` after its last sample. */
export interface Position {
  itemId: string;
  ms: number;
  ended: boolean;
}

interface MessageAudio {
  itemId: string;
  chunks: Int16Array[];
  /** Played samples of `chunks[0]`; a fraction if the output has another rate. */
  offset: number;
  played: number;
  complete: boolean;
}

/**
 * Plays the audio of messages one after the other without gaps.
 *
 * @param outputRate the sample rate of `render`.
 */
export class PlayoutQueue {
  private readonly messages: MessageAudio[] = [];
  private readonly step: number;
  private waiting = 0;
  /** The last rendered sample. After an interruption it fades out, since a jump to zero would click. */
  private lastSample = 0;

  constructor(outputRate: number) {
    this.step = SAMPLE_RATE / outputRate;
  }

  /** True while the queue has audio. */
  get hasAudio(): boolean {
    return this.messages.some((message) => message.chunks.length > 0);
  }

  /** True while the queue keeps its audio instead of playing it. */
  held = false;

  /** Append audio to a message: PCM16 at 24 kHz. */
  push(itemId: string, samples: Int16Array): void {
    if (samples.length === 0 || this.waiting + samples.length > MAX_WAITING_SAMPLES) return;
    this.messageFor(itemId).chunks.push(samples);
    this.waiting += samples.length;
  }

  /** Mark a message as complete: no more audio follows. */
  complete(itemId: string): void {
    const message = this.messages.find((other) => other.itemId === itemId);
    if (message) message.complete = true;
  }

  /** Drop everything, and return the position of each message. */
  clear(): Position[] {
    const positions = this.messages.map((message) => this.position(message, false));
    this.messages.length = 0;
    this.waiting = 0;
    return positions;
  }

  /** Return the position of the playing message. */
  current(): Position | null {
    const message = this.messages[0];
    return message && message.played > 0 ? this.position(message, false) : null;
  }

  /** Fill `out` with the next samples or silence, and return the messages that ended. */
  render(out: Float32Array): Position[] {
    const ended: Position[] = [];
    let filled = 0;
    while (filled < out.length && !this.held) {
      const message = this.messages[0];
      if (message === undefined) break;
      filled = this.renderMessage(message, out, filled);
      if (message.chunks.length > 0) break;
      if (!message.complete && this.messages.length === 1) break; // More of its audio will arrive.
      ended.push(this.position(message, true));
      this.messages.shift();
    }
    this.fade(out, filled);
    return ended;
  }

  private renderMessage(message: MessageAudio, out: Float32Array, from: number): number {
    let at = from;
    while (at < out.length) {
      const chunk = message.chunks[0];
      if (chunk === undefined) return at;
      const index = Math.floor(message.offset);
      const here = chunk[index] ?? 0;
      const next = chunk[index + 1] ?? message.chunks[1]?.[0] ?? here;
      this.lastSample = (here + (next - here) * (message.offset - index)) / 32_768;
      out[at] = this.lastSample;
      at += 1;
      message.offset += this.step;
      message.played += this.step;
      if (message.offset >= chunk.length) {
        message.offset -= chunk.length;
        message.chunks.shift();
        this.waiting -= chunk.length;
      }
    }
    return at;
  }

  private fade(out: Float32Array, from: number): void {
    for (let at = from; at < out.length; at += 1) {
      this.lastSample = Math.abs(this.lastSample) < 1e-4 ? 0 : this.lastSample * 0.95;
      out[at] = this.lastSample;
    }
  }

  private messageFor(itemId: string): MessageAudio {
    const last = this.messages.at(-1);
    if (last?.itemId === itemId) return last;
    const message: MessageAudio = { itemId, chunks: [], offset: 0, played: 0, complete: false };
    this.messages.push(message);
    return message;
  }

  private position(message: MessageAudio, ended: boolean): Position {
    return { itemId: message.itemId, ms: Math.round((message.played / SAMPLE_RATE) * 1000), ended };
  }
}
