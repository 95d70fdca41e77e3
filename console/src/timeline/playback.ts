/** Playback of a stored call, for the parts of the console that show its moments. A live call has none. */
import type { ReadonlySignal } from "@preact/signals";
import { createContext } from "preact";

export interface Playback {
  /** The playhead in ms since the call's start; null while the whole call is shown. */
  readonly positionMs: ReadonlySignal<number | null>;
  readonly playing: ReadonlySignal<boolean>;
  /** The number of times that the reader has moved the playhead. */
  readonly seeks: ReadonlySignal<number>;
  /** Move the playhead. */
  seek(ms: number): void;
}

/** Null on the page of a live call. */
export const PlaybackContext = createContext<Playback | null>(null);
