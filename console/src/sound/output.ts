/** The page's one audio context. Browsers keep it silent until the reader has touched the page. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { RATE } from "./play-queue";
import captureUrl from "./worklets/capture?worker&url";
import playerUrl from "./worklets/player?worker&url";

export type OutputState = "starting" | "running" | "waiting" | "impossible";

const state = signal<OutputState>("starting");

/** `waiting` until a first gesture; `impossible` where the browser has no audio worklets, as on plain HTTP. */
export const outputState: ReadonlySignal<OutputState> = state;

let opened: Promise<AudioContext | null> | null = null;

/** The context with both worklets loaded; null where that is impossible. */
export function openOutput(): Promise<AudioContext | null> {
  opened ??= open();
  return opened;
}

/** A context at the sound card's own rate, for browsers that cannot capture at ours. */
export async function captureContext(): Promise<AudioContext> {
  const context = new AudioContext();
  await context.audioWorklet.addModule(captureUrl);
  return context;
}

async function open(): Promise<AudioContext | null> {
  if (typeof AudioContext === "undefined" || !("audioWorklet" in AudioContext.prototype) || !isSecureContext) {
    state.value = "impossible";
    return null;
  }
  const context = makeContext();
  context.addEventListener("statechange", () => follow(context));
  try {
    await Promise.all([context.audioWorklet.addModule(playerUrl), context.audioWorklet.addModule(captureUrl)]);
  } catch (error) {
    console.error("The audio worklets could not be loaded.", error);
    state.value = "impossible";
    return null;
  }
  follow(context);
  resumeOnGesture(context);
  return context;
}

function makeContext(): AudioContext {
  try {
    return new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}

function follow(context: AudioContext): void {
  state.value = context.state === "running" ? "running" : "waiting";
}

/** Each gesture tries again, also later in the call: a phone may take the sound away for a while. */
function resumeOnGesture(context: AudioContext): void {
  const resume = (): void => {
    if (context.state !== "running" && context.state !== "closed") void context.resume().catch(() => undefined);
  };
  for (const gesture of ["pointerdown", "pointerup", "keydown"]) addEventListener(gesture, resume, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") resume();
  });
  resume();
}
