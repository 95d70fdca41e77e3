/** Playout of the call's fillers, on either transport: sentences of the server while a model or a tool is slow. */
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { LogFrame } from "../transport/frames";
import { RelayPlayout } from "./relay-playout";

export class FillerPlayout {
  private readonly playout = signal<RelayPlayout | null>(null);
  /** The filler to which binary frames belong. */
  private fillerId: string | null = null;

  /** True while a filler plays. */
  readonly audible: ReadonlySignal<boolean> = computed(() => this.playout.value?.audible.value ?? false);

  /** Handle a log event. */
  onLogFrame(frame: LogFrame): void {
    if (frame.kind === "filler.started") {
      this.fillerId = frame.filler_id;
    } else if (frame.kind === "filler.done") {
      if (this.fillerId !== null) this.playout.peek()?.complete(this.fillerId);
      this.fillerId = null;
      if (frame.interrupted) this.clear();
    } else if (frame.kind === "call.ended") {
      this.clear();
    }
  }

  /** Play a binary frame if it belongs to a filler; false if it is the agent's. */
  play(pcm: ArrayBuffer): boolean {
    if (this.fillerId === null) return false;
    // The player is created for the first filler: most calls have none.
    this.playout.value ??= new RelayPlayout(() => undefined);
    this.playout.value.push(this.fillerId, pcm);
    return true;
  }

  /** Stop the filler at once. */
  clear(): void {
    this.playout.peek()?.clear();
  }

  close(): void {
    this.playout.peek()?.close();
  }
}
