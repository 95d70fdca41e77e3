/** The leg over the call's WebSocket: PCM16 frames both ways through the server. */
import type { ReadonlySignal } from "@preact/signals";
import type { CallSocket } from "./call-socket";
import type { LogFrame } from "./frames";
import type { Leg } from "./leg";
import { Microphone } from "../audio/microphone";
import { Playback } from "../audio/relay-playout";

export class RelayLeg implements Leg {
  readonly transport = "websocket";
  readonly microphone: Microphone;
  private readonly playback: Playback;
  /** The message that binary frames belong to now. */
  private itemId: string | null = null;
  /** Messages that were cut: what still comes of them is dropped. */
  private readonly cut = new Set<string>();
  /** What was heard of the messages that were cut last. */
  private readonly heardMs = new Map<string, number>();

  /** @param socket the call's socket of the moment; sound and reports are dropped while there is none. */
  constructor(private readonly socket: () => CallSocket | null) {
    this.microphone = new Microphone((pcm) => this.socket()?.sendSound(pcm));
    this.playback = new Playback((itemId, ms) => this.report(itemId, ms));
    void this.microphone.open();
  }

  get sounding(): ReadonlySignal<boolean> {
    return this.playback.sounding;
  }

  get level(): ReadonlySignal<number> {
    return this.playback.level;
  }

  follow(frame: LogFrame): void {
    switch (frame.kind) {
      case "audio.started":
        this.itemId = frame.item_id;
        this.heardMs.clear();
        break;
      case "audio.done":
        this.playback.complete(frame.item_id);
        break;
      // Not `speech.started`: whether a voice cuts the agent off is the scenario's to say, and this tells that it did.
      case "audio.cleared":
        if (frame.item_id !== undefined) this.cut.add(frame.item_id);
        this.silence();
        this.repeatReports();
        break;
      case "call.ended":
        this.silence();
        break;
    }
  }

  receive(pcm: ArrayBuffer): void {
    if (this.itemId !== null && !this.cut.has(this.itemId)) this.playback.push(this.itemId, pcm);
  }

  silence(): void {
    if (this.itemId !== null) this.cut.add(this.itemId);
    this.playback.clear();
  }

  announce(): void {
    // On the relay, the caller is there as soon as the socket is.
  }

  close(): void {
    this.microphone.close();
    this.playback.close();
  }

  private report(itemId: string, ms: number): void {
    if (this.cut.has(itemId)) this.heardMs.set(itemId, ms);
    this.socket()?.send({ type: "played", item_id: itemId, ms });
  }

  /** The page may have fallen silent before the server said so; what was heard then is what the server now needs. */
  private repeatReports(): void {
    for (const [itemId, ms] of this.heardMs) this.socket()?.send({ type: "played", item_id: itemId, ms });
    this.heardMs.clear();
  }
}
