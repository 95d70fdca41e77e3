/** Audio connection between this page and the call; each transport implements it. */
import type { ReadonlySignal } from "@preact/signals";
import type { Microphone } from "../audio/microphone";
import type { Transport } from "./api";
import type { LogFrame } from "./frames";

export interface Leg {
  readonly transport: Transport;
  readonly microphone: Microphone;
  /** True while the agent's audio plays. */
  readonly audible: ReadonlySignal<boolean>;
  /** Peak of the agent's audio, 0 to 1. */
  readonly level: ReadonlySignal<number>;
  /** Handle a log event; events arrive in order, before the page renders them. */
  onLogFrame(frame: LogFrame): void;
  /** Handle a binary frame from the call's socket. */
  onAudio(pcm: ArrayBuffer): void;
  /** Mute the present utterance at once, before the server knows of the interruption. */
  interruptPlayback(): void;
  /** Handle the opening of the call's socket. */
  onSocketReady(): void;
  close(): void;
}
