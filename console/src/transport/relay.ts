/** Leg over the call's WebSocket: the server relays PCM16 frames in both directions. */
import { computed, type ReadonlySignal } from "@preact/signals";
import { AudioReports } from "../audio/audio-report";
import { FillerPlayout } from "../audio/filler-playout";
import { Microphone } from "../audio/microphone";
import { RelayPlayout } from "../audio/relay-playout";
import type { CallSocket } from "./call-socket";
import type { LogFrame } from "./frames";
import type { Leg } from "./leg";

const REPORT_EVERY_MS = 500;

export class RelayLeg implements Leg {
  readonly transport = "websocket";
  readonly microphone: Microphone;
  readonly audible: ReadonlySignal<boolean>;
  private readonly playout: RelayPlayout;
  private readonly fillers = new FillerPlayout();
  private readonly reports = new AudioReports((command) => this.socket()?.send(command) ?? false);
  private readonly reportTimer: ReturnType<typeof setInterval>;
  /** The message to which binary frames belong. */
  private itemId: string | null = null;
  /** Interrupted messages: their remaining audio is dropped. */
  private readonly interrupted = new Set<string>();
  /** Played durations of the messages that were interrupted last. */
  private readonly heardMs = new Map<string, number>();

  /** @param socket returns the call's present socket; without one, audio and reports are dropped. */
  constructor(private readonly socket: () => CallSocket | null) {
    this.microphone = new Microphone(
      (pcm) => this.socket()?.sendAudio(pcm),
      (ms) => this.socket()?.send({ type: "voice_ended", ms }),
    );
    this.playout = new RelayPlayout((itemId, ms) => this.reportPlayed(itemId, ms));
    this.audible = computed(() => this.playout.audible.value || this.fillers.audible.value);
    this.reportTimer = setInterval(() => this.report(), REPORT_EVERY_MS);
    void this.microphone.open();
  }

  get level(): ReadonlySignal<number> {
    return this.playout.level;
  }

  onLogFrame(frame: LogFrame): void {
    this.fillers.onLogFrame(frame);
    switch (frame.kind) {
      case "audio.started":
        this.itemId = frame.item_id;
        this.heardMs.clear();
        break;
      case "audio.done":
        this.playout.complete(frame.item_id);
        break;
      // Not `speech.started`: the scenario decides whether speech interrupts, and this event confirms it.
      case "audio.cleared":
        if (frame.item_id !== undefined) this.interrupted.add(frame.item_id);
        this.interruptPlayback();
        this.repeatReports();
        break;
      case "audio.ducked":
        this.playout.hold(true);
        break;
      case "audio.resumed":
      case "audio.interrupted":
        this.playout.hold(false);
        break;
      case "call.ended":
        this.interruptPlayback();
        break;
    }
  }

  onAudio(pcm: ArrayBuffer): void {
    if (this.fillers.play(pcm)) return;
    if (this.itemId !== null && !this.interrupted.has(this.itemId)) this.playout.push(this.itemId, pcm);
  }

  interruptPlayback(): void {
    if (this.itemId !== null) this.interrupted.add(this.itemId);
    this.playout.clear();
    this.fillers.clear();
  }

  onSocketReady(): void {
    // On the relay, the open socket is itself the audio connection.
    this.reports.reset();
    this.report();
  }

  close(): void {
    clearInterval(this.reportTimer);
    this.microphone.close();
    this.playout.close();
    this.fillers.close();
  }

  private report(): void {
    this.reports.update({
      bufferMs: 0,
      outputMs: this.playout.latencyMs(),
      microphone: this.microphone.track.peek(),
    });
  }

  private reportPlayed(itemId: string, ms: number): void {
    if (this.interrupted.has(itemId)) this.heardMs.set(itemId, ms);
    this.socket()?.send({ type: "played", item_id: itemId, ms });
  }

  /** Repeat the played durations: the page may have stopped before the server's interruption, which needs them. */
  private repeatReports(): void {
    for (const [itemId, ms] of this.heardMs) this.socket()?.send({ type: "played", item_id: itemId, ms });
    this.heardMs.clear();
  }
}
