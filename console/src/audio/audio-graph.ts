/** The page's one audio context, and where its sound comes together. Browsers keep it silent until the page is touched. */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import * as choices from "../call/preferences";
import { RATE } from "./playout-queue";
import captureUrl from "./worklets/capture?worker&url";
import playerUrl from "./worklets/player?worker&url";
import recorderUrl from "./worklets/recorder?worker&url";

export type OutputState = "starting" | "running" | "waiting" | "impossible";

/** Where both voices come together: what is sent into `agent` is heard, unless playback is off; both can be recorded. */
export interface Desk {
  context: AudioContext;
  caller: AudioNode;
  agent: AudioNode;
}

/** A context that sounds on a device of one's choice; not every browser has them, nor do TypeScript's libraries. */
type Sinkable = AudioContext & { setSinkId?(id: string): Promise<void> };

const state = signal<OutputState>("starting");

/** `waiting` until a first gesture; `impossible` where the browser has no audio worklets, as on plain HTTP. */
export const outputState: ReadonlySignal<OutputState> = state;

/** Whether this browser can sound on a device of one's choice. */
export const choosesSpeaker = typeof AudioContext !== "undefined" && "setSinkId" in AudioContext.prototype;

let opened: Promise<Desk | null> | null = null;

/** The desk, with all worklets loaded; null where that is impossible. */
export function openOutput(): Promise<Desk | null> {
  opened ??= open();
  return opened;
}

/** A context at the sound card's own rate, for browsers that cannot capture at ours. */
export async function captureContext(): Promise<AudioContext> {
  const context = new AudioContext();
  await context.audioWorklet.addModule(captureUrl);
  return context;
}

async function open(): Promise<Desk | null> {
  if (typeof AudioContext === "undefined" || !("audioWorklet" in AudioContext.prototype) || !isSecureContext) {
    state.value = "impossible";
    return null;
  }
  const context = makeContext();
  context.addEventListener("statechange", () => follow(context));
  try {
    await Promise.all([captureUrl, playerUrl, recorderUrl].map((url) => context.audioWorklet.addModule(url)));
  } catch (error) {
    console.error("The audio worklets could not be loaded.", error);
    state.value = "impossible";
    return null;
  }
  follow(context);
  resumeOnGesture(context);
  return deskOf(context);
}

function makeContext(): AudioContext {
  try {
    return new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" });
  }
}

function deskOf(context: AudioContext): Desk {
  const caller = new GainNode(context);
  const agent = new GainNode(context);
  const loudspeaker = new GainNode(context);
  agent.connect(loudspeaker).connect(context.destination);
  effect(() => {
    loudspeaker.gain.value = choices.playback.value ? 1 : 0;
  });
  effect(() => void sendTo(context, choices.speaker.value));
  return { context, caller, agent };
}

async function sendTo(context: Sinkable, device: string): Promise<void> {
  if (!context.setSinkId || (device === "" && !("sinkId" in context && context.sinkId))) return;
  try {
    await context.setSinkId(device);
  } catch {
    // It is no longer there: the usual one will do, and the choice is kept for when it is back.
    await context.setSinkId("").catch(() => undefined);
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
