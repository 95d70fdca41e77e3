/** Push-to-talk and mute: they control when the microphone sends audio. */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Command } from "../transport/call-socket";
import type { Leg } from "../transport/leg";
import * as preferences from "./preferences";

/** The relay sends audio and commands over one socket: the microphone's last frames precede the release command. */
const RELAY_TAIL_MS = 120;
/** Over WebRTC audio arrives later than commands. The server waits this long for it, and so does the microphone. */
const WEBRTC_TAIL_MS = 200;

export class PushToTalk {
  private readonly mutedNow = signal(false);
  private readonly pressedNow = signal(false);
  private readonly microphoneOpen = signal(false);
  private tailTimer: ReturnType<typeof setTimeout> | undefined;
  /** True while the tail timer still has to send the release command. */
  private releasePending = false;
  /** True while push-to-talk is on, by the caller's preference or by the call's settings. */
  readonly enabled: ReadonlySignal<boolean>;

  /**
   * @param requiredByCall true if the call's settings turn push-to-talk on.
   * @param send sends a command; false without a connection.
   */
  constructor(
    private readonly leg: ReadonlySignal<Leg | null>,
    private readonly requiredByCall: ReadonlySignal<boolean>,
    private readonly send: (command: Command) => boolean,
  ) {
    this.enabled = computed(() => preferences.pushToTalk.value || this.requiredByCall.value);
    effect(() => this.leg.value?.microphone.mute(this.mutedNow.value));
    effect(() => this.leg.value?.microphone.setStandby(this.enabled.value && !this.microphoneOpen.value));
  }

  /** True while the microphone is muted, on every leg. */
  get muted(): ReadonlySignal<boolean> {
    return this.mutedNow;
  }

  /** True while the caller holds the button. */
  get pressed(): ReadonlySignal<boolean> {
    return this.pressedNow;
  }

  mute(muted: boolean): void {
    this.mutedNow.value = muted;
    if (muted) this.release();
  }

  /** Turn push-to-talk on or off, for this call and later ones. */
  setEnabled(on: boolean): void {
    this.cancel();
    preferences.pushToTalk.save(on);
    this.send({ type: "push_to_talk", on });
  }

  /** Send the caller's preference once this page has become the caller. */
  onCallerRole(): void {
    if (preferences.pushToTalk.peek()) this.send({ type: "push_to_talk", on: true });
  }

  /** Start the caller's turn. Without effect while they hold the button already. */
  press(): void {
    const leg = this.leg.peek();
    if (leg === null || this.pressedNow.peek() || !this.enabled.peek()) return;
    clearTimeout(this.tailTimer);
    leg.interruptPlayback();
    // A short release continues the same turn.
    const continuesTurn = this.releasePending;
    this.releasePending = false;
    if (!continuesTurn && !this.send({ type: "press" })) {
      this.cancel();
      return;
    }
    batch(() => {
      this.mutedNow.value = false;
      this.pressedNow.value = this.microphoneOpen.value = true;
    });
  }

  /** End the caller's turn. Without effect while they do not hold the button. */
  release(): void {
    if (!this.pressedNow.peek()) return;
    this.pressedNow.value = false;
    const overWebRtc = this.leg.peek()?.transport === "webrtc";
    if (overWebRtc) this.send({ type: "release" });
    this.releasePending = !overWebRtc;
    this.tailTimer = setTimeout(
      () => {
        if (this.releasePending) this.send({ type: "release" });
        this.closeMicrophone();
      },
      overWebRtc ? WEBRTC_TAIL_MS : RELAY_TAIL_MS,
    );
  }

  /** Drop the turn after a lost connection or a changed setting; the server releases by itself. */
  cancel(): void {
    clearTimeout(this.tailTimer);
    batch(() => {
      this.pressedNow.value = false;
      this.closeMicrophone();
    });
  }

  private closeMicrophone(): void {
    this.releasePending = false;
    this.microphoneOpen.value = false;
  }
}
