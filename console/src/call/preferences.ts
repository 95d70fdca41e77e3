/** How the caller wants to talk and hear: remembered in the browser, as far as it lets us. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { CODECS, readWishes, rewriteAddress, TRANSPORTS, type Wishes } from "./address";

export type TransportChoice = NonNullable<Wishes["transport"]>;

/** Something that was chosen and lasts. */
export interface Choice<Value> extends ReadonlySignal<Value> {
  /** Chooses, for now and for the next time. */
  choose(value: Value): void;
}

const wishes = readWishes(typeof location === "undefined" ? "" : location.search);

/** Whether the caller is heard only while they hold the button. */
export const pushToTalk = toggle("pushToTalk", false);
/** Whether the agent is heard. */
export const playback = toggle("playback", true);
/** How the sound is coded; the address's `?codec=` comes before what is remembered. */
export const codec = addressed("codec", CODECS, "opus", wishes.codec);
/** How the sound travels; the address's `?transport=` comes before what is remembered. */
export const transport = addressed("transport", TRANSPORTS, "auto", wishes.transport);
/** The device that is spoken into; empty for the browser's own choice. */
export const microphone = text("microphone");
/** The device that is listened to; empty for the browser's own choice. */
export const speaker = text("speaker");

function toggle(name: string, usual: boolean): Choice<boolean> {
  const stored = recall(name);
  return remembered(name, stored === null ? usual : stored === "on", (on) => (on ? "on" : "off"));
}

function text(name: string): Choice<string> {
  return remembered(name, recall(name) ?? "", (value) => value);
}

/** A choice among names. What the address says of it holds until something else is chosen on the page. */
function addressed<Name extends string>(name: string, names: readonly Name[], usual: Name, wished: Name | null): Choice<Name> {
  const stored = recall(name);
  const known = names.find((one) => one === stored);
  return remembered(name, wished ?? known ?? usual, (value) => {
    rewriteAddress({ [name]: null });
    return value;
  });
}

function remembered<Value>(name: string, first: Value, written: (value: Value) => string): Choice<Value> {
  const value = signal(first);
  return Object.assign(value, {
    choose(next: Value): void {
      value.value = next;
      remember(name, written(next));
    },
  });
}

function recall(name: string): string | null {
  try {
    return localStorage.getItem(`trunkline.${name}`);
  } catch {
    return null; // Storage may be switched off.
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`trunkline.${name}`, value);
  } catch {
    // Then it lasts until the page is closed.
  }
}
