/** The caller's leg: how sound travels between this page and the call. Each transport is one of these. */
import type { ReadonlySignal } from "@preact/signals";
import type { Transport } from "./api";
import type { LogFrame } from "./frames";
import type { Microphone } from "../audio/microphone";

export interface Leg {
  readonly transport: Transport;
  readonly microphone: Microphone;
  /** Whether the agent's sound comes out now. */
  readonly sounding: ReadonlySignal<boolean>;
  /** The agent's peak, 0 to 1. */
  readonly level: ReadonlySignal<number>;
  /** Each event of the log, in order, before it is shown. */
  follow(frame: LogFrame): void;
  /** A binary frame from the call's socket. */
  receive(pcm: ArrayBuffer): void;
  /** Mutes what is being said, at once, before the server has heard of it. */
  silence(): void;
  /** The call's socket is open. */
  announce(): void;
  close(): void;
}
