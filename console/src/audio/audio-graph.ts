/** The page's audio context and the graph of both voices. Browsers block it until the first gesture. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import * as preferences from "../call/preferences";
import { SAMPLE_RATE } from "./playout-queue";
import captureUrl from "./worklets/capture?worker&url";
import holderUrl from "./worklets/holder?worker&url";
import playerUrl from "./worklets/player?worker&url";
import recorderUrl from "./worklets/recorder?worker&url";
import uploaderUrl from "./worklets/uploader?worker&url";

export type AudioState = "starting" | "running" | "blocked" | "unsupported";

/** Inputs for both voices: `agent` is audible unless playback is off; both can be recorded. */
export interface AudioGraph {
  context: AudioContext;
  caller: AudioNode;
  agent: AudioNode;
}

/** A context with a selectable output device, which some browsers and TypeScript's libraries lack. */
type SinkSelectable = AudioContext & { setSinkId?(id: string): Promise<void> };

const state = signal<AudioState>("starting");

/** `blocked` until the first gesture; `unsupported` without audio worklets, as on plain HTTP. */
export const audioState: ReadonlySignal<AudioState> = state;

/** True if the browser can select the output device. */
export const canChooseSpeaker = typeof AudioContext !== "undefined" && "setSinkId" in AudioContext.prototype;

let opened: Promise<AudioGraph | null> | null = null;

/** Return the graph with all worklets loaded; null if the browser does not support it. */
export function openAudioGraph(): Promise<AudioGraph | null> {
  opened ??= createGraph();
  return opened;
}

/** Create a context at the device's own rate, for browsers that cannot capture at 24 kHz. */
export async function captureContext(): Promise<AudioContext> {
  const context = new AudioContext();
  await context.audioWorklet.addModule(captureUrl);
  return context;
}

async function createGraph(): Promise<AudioGraph | null> {
  if (typeof AudioContext === "undefined" || !("audioWorklet" in AudioContext.prototype) || !isSecureContext) {
    state.value = "unsupported";
    return null;
  }
  const context = createContext();
  context.addEventListener("statechange", () => updateState(context));
  try {
    await Promise.all(
      [captureUrl, holderUrl, playerUrl, recorderUrl, uploaderUrl].map((url) => context.audioWorklet.addModule(url)),
    );
  } catch (error) {
    console.error("The audio worklets could not be loaded.", error);
    state.value = "unsupported";
    return null;
  }
  updateState(context);
  resumeOnGesture(context);
  return buildGraph(context);
}

function createContext(): AudioContext {
  try {
    return new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}

function buildGraph(context: AudioContext): AudioGraph {
  const caller = new GainNode(context);
  const agent = new GainNode(context);
  const loudspeaker = new GainNode(context);
  agent.connect(loudspeaker).connect(context.destination);
  effect(() => {
    loudspeaker.gain.value = preferences.playbackEnabled.value ? 1 : 0;
  });
  effect(() => void selectSpeaker(context, preferences.speaker.value));
  return { context, caller, agent };
}

async function selectSpeaker(context: SinkSelectable, device: string): Promise<void> {
  if (!context.setSinkId || (device === "" && !("sinkId" in context && context.sinkId))) return;
  try {
    await context.setSinkId(device);
  } catch {
    // The device was removed: use the default, and keep the preference for its return.
    await context.setSinkId("").catch(() => undefined);
  }
}

function updateState(context: AudioContext): void {
  state.value = context.state === "running" ? "running" : "blocked";
}

/** Resume the context on each gesture, also later in the call: a phone may suspend it for a while. */
function resumeOnGesture(context: AudioContext): void {
  const resume = (): void => {
    if (context.state !== "running" && context.state !== "closed") void context.resume().catch(() => undefined);
  };
  for (const gesture of ["pointerdown", "pointerup", "keydown"])
    addEventListener(gesture, resume, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") resume();
  });
  resume();
}
