/** When the caller is heard: always, while they press, or not at all. */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Command } from "../transport/call-socket";
import * as choices from "./preferences";
import type { Leg } from "../transport/leg";

/** On the relay, sound and words share one way: what is still in the microphone goes out before the word of its end. */
const RELAY_TAIL_MS = 120;
/** Over WebRTC sound takes longer than words; the server waits so long for it, and so does the microphone. */
const WEBRTC_TAIL_MS = 200;

export class Talk {
  private readonly mutedNow = signal(false);
  private readonly heldNow = signal(false);
  private readonly openNow = signal(false);
  private tail: ReturnType<typeof setTimeout> | undefined;
  /** What the end of the tail has still to tell. */
  private owes = false;
  /** Whether the caller is heard only while they press: they want it so, or the call has it so. */
  readonly pushes: ReadonlySignal<boolean>;

  /**
   * @param ordered whether the call has push-to-talk on.
   * @param send sends a command; false if it cannot be sent now.
   */
  constructor(
    private readonly leg: ReadonlySignal<Leg | null>,
    private readonly ordered: ReadonlySignal<boolean>,
    private readonly send: (command: Command) => boolean,
  ) {
    this.pushes = computed(() => choices.pushToTalk.value || this.ordered.value);
    effect(() => this.leg.value?.microphone.mute(this.mutedNow.value));
    effect(() => this.leg.value?.microphone.shutOff(this.pushes.value && !this.openNow.value));
  }

  /** Whether the microphone is muted, on whichever leg. */
  get muted(): ReadonlySignal<boolean> {
    return this.mutedNow;
  }

  /** Whether the caller presses now. */
  get held(): ReadonlySignal<boolean> {
    return this.heldNow;
  }

  mute(muted: boolean): void {
    this.mutedNow.value = muted;
    if (muted) this.release();
  }

  /** Push-to-talk on or off, for this call and the next ones. */
  choose(on: boolean): void {
    this.letGo();
    choices.pushToTalk.choose(on);
    this.send({ type: "push_to_talk", on });
  }

  /** This page has become the call's caller: the call learns what it wants. */
  announce(): void {
    if (choices.pushToTalk.peek()) this.send({ type: "push_to_talk", on: true });
  }

  /** The caller begins to speak. Harmless while they press already. */
  press(): void {
    const leg = this.leg.peek();
    if (leg === null || this.heldNow.peek() || !this.pushes.peek()) return;
    clearTimeout(this.tail);
    leg.silence();
    // After a slip of the finger the turn goes on.
    const goesOn = this.owes;
    this.owes = false;
    if (!goesOn && !this.send({ type: "press" })) return this.letGo();
    batch(() => {
      this.mutedNow.value = false;
      this.heldNow.value = this.openNow.value = true;
    });
  }

  /** The caller has spoken. Harmless while they do not press. */
  release(): void {
    if (!this.heldNow.peek()) return;
    this.heldNow.value = false;
    const overWebRtc = this.leg.peek()?.transport === "webrtc";
    if (overWebRtc) this.send({ type: "release" });
    this.owes = !overWebRtc;
    this.tail = setTimeout(
      () => {
        if (this.owes) this.send({ type: "release" });
        this.shut();
      },
      overWebRtc ? WEBRTC_TAIL_MS : RELAY_TAIL_MS,
    );
  }

  /** The connection or the wish is gone; the server lets go by itself. */
  letGo(): void {
    clearTimeout(this.tail);
    batch(() => {
      this.heldNow.value = false;
      this.shut();
    });
  }

  private shut(): void {
    this.owes = false;
    this.openNow.value = false;
  }
}
