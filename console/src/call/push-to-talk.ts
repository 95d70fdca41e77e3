/** Push-to-talk and mute: they control when the microphone sends audio. */
import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Command } from "../transport/call-socket";
import type { Leg } from "../transport/leg";
import type { Settings } from "./call-state";
import * as preferences from "./preferences";

/** The relay sends audio and commands over one socket: the microphone's last frames precede the release command. */
const RELAY_TAIL_MS = 120;
/** Over WebRTC audio arrives later than commands. The server waits this long for it, and so does the microphone. */
const WEBRTC_TAIL_MS = 200;

export class PushToTalk {
  private readonly mutedNow = signal(false);
  private readonly pressedNow = signal(false);
  private readonly microphoneOpen = signal(false);
  /** The caller's latest choice of push-to-talk, until the call's log has answered it; null without one. */
  private readonly choice = signal<boolean | null>(null);
  /** True once the call's log has answered this page: then the log is right, and not the preference. */
  private readonly answered = signal(false);
  /** True while the call was asked for push-to-talk, and its log has not answered. */
  private asked = false;
  private tailTimer: ReturnType<typeof setTimeout> | undefined;
  /** True while the tail timer still has to send the release command. */
  private releasePending = false;
  /** True while push-to-talk is on: by the caller's choice at once, and then as the call's log says. */
  readonly enabled: ReadonlySignal<boolean>;

  /**
   * @param settings the call's settings in its log: a new object for each event, even if it repeats them.
   * @param send sends a command; false without a connection.
   */
  constructor(
    private readonly leg: ReadonlySignal<Leg | null>,
    private readonly settings: ReadonlySignal<Pick<Settings, "pushToTalk">>,
    private readonly send: (command: Command) => boolean,
  ) {
    this.enabled = computed(() => {
      const preferred = !this.answered.value && preferences.pushToTalk.value;
      return this.choice.value ?? (preferred || this.settings.value.pushToTalk);
    });
    effect(() => {
      this.settings.value;
      if (this.asked) this.answered.value = true;
      this.asked = false;
      this.choice.value = null;
    });
    effect(() => {
      if (this.leg.value !== null) return;
      this.asked = false;
      this.answered.value = false;
    });
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
    batch(() => {
      preferences.pushToTalk.save(on);
      this.choice.value = on;
    });
    this.ask(on);
  }

  /** Send the caller's choice or preference once this page has become the caller. */
  onCallerRole(): void {
    const choice = this.choice.peek();
    if (choice !== null) this.ask(choice);
    else if (preferences.pushToTalk.peek()) this.ask(true);
  }

  private ask(on: boolean): void {
    if (this.send({ type: "push_to_talk", on })) this.asked = true;
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
