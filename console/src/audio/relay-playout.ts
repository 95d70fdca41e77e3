/** Playout of relayed audio: it feeds the player's worklet and reports the heard duration of each message. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { type AudioGraph, audioState, openAudioGraph } from "./audio-graph";
import { outputLatencyMs } from "./output-latency";
import type { Position } from "./playout-queue";
import type { FromPlayer, ToPlayer } from "./worklets/player";

/** Capacity while the browser blocks audio: two minutes of PCM16 at 24 kHz. */
const MAX_QUEUED_BYTES = 120 * 48_000;

/** Receives the total heard duration of a message in ms. */
export type HeardHandler = (itemId: string, ms: number) => void;

export class RelayPlayout {
  private node: AudioWorkletNode | null = null;
  private context: AudioContext | null = null;
  /** Messages for the player that arrived before it runs, in order. */
  private queued: ToPlayer[] = [];
  private queuedBytes = 0;
  /** Heard duration of each message that the player has and that has not ended. */
  private readonly heardMs = new Map<string, number>();
  private readonly audibleNow = signal(false);
  private readonly levelNow = signal(0);
  private readonly disposeStateEffect: () => void;
  private closed = false;

  constructor(private readonly onHeard: HeardHandler) {
    void openAudioGraph().then((graph) => {
      if (graph && !this.closed) this.attach(graph);
    });
    this.disposeStateEffect = effect(() => {
      if (audioState.value === "running") this.flush();
    });
  }

  /** True while audio plays. */
  get audible(): ReadonlySignal<boolean> {
    return this.audibleNow;
  }

  /** Peak of the output, 0 to 1. */
  get level(): ReadonlySignal<number> {
    return this.levelNow;
  }

  /** Append audio to a message: PCM16 little-endian mono at 24 kHz. */
  push(itemId: string, pcm: ArrayBuffer): void {
    const samples = new Int16Array(pcm, 0, pcm.byteLength >> 1);
    if (!this.isRunning() && this.queuedBytes + pcm.byteLength > MAX_QUEUED_BYTES) return;
    if (!this.heardMs.has(itemId)) this.heardMs.set(itemId, 0);
    this.queuedBytes += this.isRunning() ? 0 : pcm.byteLength;
    this.post({ type: "push", itemId, samples });
  }

  /** Mark a message as complete: no more audio follows. */
  complete(itemId: string): void {
    this.post({ type: "complete", itemId });
  }

  /** Keep the audio instead of playing it, or continue at the same place. */
  hold(held: boolean): void {
    this.post({ type: "hold", held });
  }

  /** Stop at once and drop the queue; `onHeard` receives the position of each message. */
  clear(): void {
    const queued = this.queued;
    this.queued = [];
    this.queuedBytes = 0;
    if (this.node) this.node.port.postMessage({ type: "clear" } satisfies ToPlayer);
    if (this.isRunning()) return; // The player answers with exact positions.
    const unplayed = new Set(queued.flatMap((message) => (message.type === "push" ? [message.itemId] : [])));
    for (const itemId of unplayed) this.report({ itemId, ms: this.heardMs.get(itemId) ?? 0, ended: true });
  }

  close(): void {
    this.closed = true;
    this.disposeStateEffect();
    this.node?.port.postMessage({ type: "clear" } satisfies ToPlayer);
    this.node?.disconnect();
    this.node = null;
    this.audibleNow.value = false;
    this.levelNow.value = 0;
  }

  private attach({ context, agent }: AudioGraph): void {
    this.context = context;
    this.node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.node.port.onmessage = ({ data }: MessageEvent<FromPlayer>) => this.onPlayerMessage(data);
    this.node.connect(agent);
    if (audioState.value === "running") this.flush();
  }

  private isRunning(): boolean {
    return this.node !== null && audioState.peek() === "running";
  }

  private flush(): void {
    if (this.node === null) return;
    for (const message of this.queued) this.node.port.postMessage(message);
    this.queued = [];
    this.queuedBytes = 0;
  }

  private post(message: ToPlayer): void {
    if (this.isRunning()) this.node?.port.postMessage(message);
    else this.queued.push(message);
  }

  private onPlayerMessage(message: FromPlayer): void {
    if (this.closed) return;
    if (message.type === "level") {
      this.audibleNow.value = message.audible;
      this.levelNow.value = message.peak;
    } else if (message.type === "cleared") {
      for (const position of message.positions) this.report({ ...position, ended: true });
    } else if (message.position.ended) {
      // The rendered audio still has to pass the audio device.
      setTimeout(() => !this.closed && this.report(message.position), this.latencyMs());
    } else {
      const ms = Math.max(0, message.position.ms - Math.round(this.latencyMs()));
      this.report({ ...message.position, ms });
    }
  }

  private report(position: Position): void {
    if (position.ended) this.heardMs.delete(position.itemId);
    else this.heardMs.set(position.itemId, position.ms);
    this.onHeard(position.itemId, position.ms);
  }

  /** Return the time in ms from the player to the loudspeaker. */
  latencyMs(): number {
    return this.context === null ? 0 : outputLatencyMs(this.context);
  }
}
