/** The agent's sound: from the leg to the player's worklet, and back as what has really been heard. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { type Desk, openOutput, outputState } from "./audio-graph";
import { outputLatencyMs } from "./output-latency";
import type { Position } from "./playout-queue";
import type { FromPlayer, ToPlayer } from "./worklets/player";

/** Sound kept while the browser does not let us play: two minutes of PCM16 at 24 kHz. */
const MOST_KEPT_BYTES = 120 * 48_000;

/** Tells how many ms of a message have been heard in all. */
export type Heard = (itemId: string, ms: number) => void;

export class Playback {
  private node: AudioWorkletNode | null = null;
  private context: AudioContext | null = null;
  /** What came before the sound could flow, in order. */
  private kept: ToPlayer[] = [];
  private keptBytes = 0;
  /** Messages handed to the player and not known to have ended, with what is known to have been heard of them. */
  private readonly heardMs = new Map<string, number>();
  private readonly soundingNow = signal(false);
  private readonly levelNow = signal(0);
  private readonly stopFollowing: () => void;
  private closed = false;

  constructor(private readonly heard: Heard) {
    void openOutput().then((desk) => {
      if (desk && !this.closed) this.attach(desk);
    });
    this.stopFollowing = effect(() => {
      if (outputState.value === "running") this.flow();
    });
  }

  /** Whether sound comes out now. */
  get sounding(): ReadonlySignal<boolean> {
    return this.soundingNow;
  }

  /** The output's peak, 0 to 1. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** More sound of a message: PCM16 little-endian mono at 24 kHz. */
  push(itemId: string, pcm: ArrayBuffer): void {
    const samples = new Int16Array(pcm, 0, pcm.byteLength >> 1);
    if (!this.flows() && this.keptBytes + pcm.byteLength > MOST_KEPT_BYTES) return;
    if (!this.heardMs.has(itemId)) this.heardMs.set(itemId, 0);
    this.keptBytes += this.flows() ? 0 : pcm.byteLength;
    this.post({ type: "push", itemId, samples });
  }

  /** The message will get no more sound. */
  complete(itemId: string): void {
    this.post({ type: "complete", itemId });
  }

  /** Silences at once and forgets what was queued; `heard` is told how far each message got. */
  clear(): void {
    const waiting = this.kept;
    this.kept = [];
    this.keptBytes = 0;
    if (this.node) this.node.port.postMessage({ type: "clear" } satisfies ToPlayer);
    if (this.flows()) return; // The player answers with exact positions.
    const unplayed = new Set(waiting.flatMap((message) => (message.type === "push" ? [message.itemId] : [])));
    for (const itemId of unplayed) this.tell({ itemId, ms: this.heardMs.get(itemId) ?? 0, ended: true });
  }

  close(): void {
    this.closed = true;
    this.stopFollowing();
    this.node?.port.postMessage({ type: "clear" } satisfies ToPlayer);
    this.node?.disconnect();
    this.node = null;
    this.soundingNow.value = false;
    this.levelNow.value = 0;
  }

  private attach({ context, agent }: Desk): void {
    this.context = context;
    this.node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }: MessageEvent<FromPlayer>) => this.hear(data);
    this.node.connect(agent);
    if (outputState.value === "running") this.flow();
  }

  private flows(): boolean {
    return this.node !== null && outputState.peek() === "running";
  }

  private flow(): void {
    if (this.node === null) return;
    for (const message of this.kept) this.node.port.postMessage(message);
    this.kept = [];
    this.keptBytes = 0;
  }

  private post(message: ToPlayer): void {
    if (this.flows()) this.node?.port.postMessage(message);
    else this.kept.push(message);
  }

  private hear(message: FromPlayer): void {
    if (this.closed) return;
    if (message.type === "level") {
      this.soundingNow.value = message.sounding;
      this.levelNow.value = message.peak;
    } else if (message.type === "cleared") {
      for (const position of message.positions) this.tell({ ...position, ended: true });
    } else if (message.position.ended) {
      // What the worklet has rendered is still on its way through the sound card.
      setTimeout(() => !this.closed && this.tell(message.position), this.latencyMs());
    } else {
      const ms = Math.max(0, message.position.ms - Math.round(this.latencyMs()));
      this.tell({ ...message.position, ms });
    }
  }

  private tell(position: Position): void {
    if (position.ended) this.heardMs.delete(position.itemId);
    else this.heardMs.set(position.itemId, position.ms);
    this.heard(position.itemId, position.ms);
  }

  private latencyMs(): number {
    return this.context === null ? 0 : outputLatencyMs(this.context);
  }
}
