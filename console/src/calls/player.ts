/** Player of a stored call: it carries out the effects of the playhead on the audio, and moves it with the audio. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { CallState } from "../call/call-state";
import type { Playback } from "../timeline/playback";
import type { CallReplay } from "./call-replay";
import {
  initialPlayhead,
  movePlayhead,
  type PlayheadEffect,
  type PlayheadInput,
  type PlayheadState,
  SPEEDS,
} from "./playhead";
import { silencesOf } from "./silences";

export class Player implements Playback {
  private readonly state: Signal<PlayheadState>;
  private readonly seeksNow = signal(0);
  private readonly problemNow = signal<string | null>(null);
  private audio: HTMLAudioElement | null = null;
  private frame = 0;
  private lastFrameAt = 0;

  readonly positionMs: ReadonlySignal<number | null>;
  readonly playing: ReadonlySignal<boolean>;
  readonly seeks: ReadonlySignal<number> = this.seeksNow;
  readonly playhead: ReadonlySignal<PlayheadState>;
  /** The call as it was seen at the playhead; the whole call without a playhead. */
  readonly call: ReadonlySignal<CallState>;
  /** The reason why the audio is not played; null without a problem. */
  readonly problem: ReadonlySignal<string | null> = this.problemNow;

  constructor(
    private readonly replay: CallReplay,
    hasAudio: boolean,
  ) {
    const { whole, durationMs } = replay;
    const state = signal(initialPlayhead(durationMs, silencesOf(whole), hasAudio));
    this.state = state;
    this.playhead = state;
    this.positionMs = computed(() => state.value.positionMs);
    this.playing = computed(() => state.value.playing);
    this.call = computed(() => {
      const ms = this.positionMs.value;
      return ms === null ? whole : replay.at(ms);
    });
  }

  get durationMs(): number {
    return this.replay.durationMs;
  }

  /** Play the audio of this element, whose time 0 is the call's start. */
  attach(audio: HTMLAudioElement | null): void {
    this.audio = audio;
    if (audio === null) return;
    audio.onloadedmetadata = () => {
      if (Number.isFinite(audio.duration)) this.dispatch({ type: "audio-loaded", durationMs: 1000 * audio.duration });
    };
    audio.onended = () => this.dispatch({ type: "audio-over" });
    audio.onerror = () => this.fail("The audio of this call cannot be played in this browser. Download it instead.");
  }

  seek(ms: number): void {
    batch(() => {
      this.dispatch({ type: "seek", ms });
      this.seeksNow.value += 1;
    });
  }

  skip(ms: number): void {
    batch(() => {
      this.dispatch({ type: "skip", ms });
      this.seeksNow.value += 1;
    });
  }

  toggle(): void {
    batch(() => {
      this.dispatch({ type: "toggle" });
      if (this.playing.peek()) this.seeksNow.value += 1;
    });
  }

  play(): void {
    this.dispatch({ type: "play" });
  }

  pause(): void {
    this.dispatch({ type: "pause" });
  }

  showWhole(): void {
    this.dispatch({ type: "whole" });
  }

  setSpeed(speed: PlayheadState["speed"]): void {
    this.dispatch({ type: "speed", speed });
  }

  /** Play faster or slower by a number of steps. */
  changeSpeed(steps: number): void {
    const index = SPEEDS.indexOf(this.state.peek().speed) + steps;
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, index))] ?? 1);
  }

  skipSilence(on: boolean): void {
    this.dispatch({ type: "skip-silence", on });
  }

  /** Stop, and leave the audio. */
  close(): void {
    cancelAnimationFrame(this.frame);
    this.audio?.pause();
    this.audio = null;
  }

  private dispatch(input: PlayheadInput): void {
    const [state, effects] = movePlayhead(this.state.peek(), input);
    this.state.value = state;
    for (const effect of effects) this.run(effect);
    if (state.playing && this.frame === 0) {
      this.lastFrameAt = performance.now();
      this.frame = requestAnimationFrame(this.onFrame);
    }
  }

  private readonly onFrame = (now: number): void => {
    this.frame = 0;
    const elapsedMs = Math.max(0, now - this.lastFrameAt);
    this.lastFrameAt = now;
    this.dispatch({ type: "frame", elapsedMs, audioMs: 1000 * (this.audio?.currentTime ?? 0) });
  };

  private run(effect: PlayheadEffect): void {
    const { audio } = this;
    if (audio === null) return;
    switch (effect.type) {
      case "seek-audio":
        audio.currentTime = effect.ms / 1000;
        return;
      case "play-audio":
        audio.playbackRate = this.state.peek().speed;
        this.problemNow.value = null;
        void audio.play().catch((error: unknown) => this.onRefused(error));
        return;
      case "pause-audio":
        audio.pause();
        return;
      case "set-rate":
        audio.playbackRate = effect.speed;
        return;
      default:
        effect satisfies never;
    }
  }

  private onRefused(error: unknown): void {
    if (!(error instanceof DOMException) || error.name === "AbortError") return; // paused before it began
    if (error.name === "NotAllowedError") {
      this.pause();
      this.problemNow.value = "The browser does not allow audio yet. Click “Play”.";
    } else this.fail("The audio of this call cannot be played in this browser. Download it instead.");
  }

  /** Continue without the audio. */
  private fail(problem: string): void {
    this.problemNow.value = problem;
    this.dispatch({ type: "audio-failed" });
  }
}
