/** Preferences of the caller for speaking and listening, stored in the browser if it allows that. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { type AddressOptions, CODECS, parseAddress, rewriteAddress, TRANSPORTS } from "./address";

export type TransportPreference = NonNullable<AddressOptions["transport"]>;

/** A stored value that the reader chose. */
export interface Preference<Value> extends ReadonlySignal<Value> {
  /** Set the value and store it for the next visit. */
  save(value: Value): void;
}

const addressOptions = parseAddress(typeof location === "undefined" ? "" : location.search);

/** Push-to-talk: the agent hears the caller only while they hold the button. */
export const pushToTalk = booleanPreference("pushToTalk", false);
/** Playback of the agent's audio. */
export const playbackEnabled = booleanPreference("playback", true);
/** Audio codec; the address's `?codec=` overrides the stored value. */
export const codec = addressPreference("codec", CODECS, "opus", addressOptions.codec);
/** Audio transport; the address's `?transport=` overrides the stored value. */
export const transport = addressPreference("transport", TRANSPORTS, "auto", addressOptions.transport);
/** Input device; empty for the browser's default. */
export const microphone = textPreference("microphone");
/** Output device; empty for the browser's default. */
export const speaker = textPreference("speaker");

function booleanPreference(name: string, fallback: boolean): Preference<boolean> {
  const stored = load(name);
  return storedPreference(name, stored === null ? fallback : stored === "on", (on) => (on ? "on" : "off"));
}

function textPreference(name: string): Preference<string> {
  return storedPreference(name, load(name) ?? "", (value) => value);
}

/** Create a preference among names. The address's value applies first; the address follows the reader's choices. */
function addressPreference<Name extends string>(
  name: string,
  names: readonly Name[],
  fallback: Name,
  requested: Name | null,
): Preference<Name> {
  const stored = load(name);
  const known = names.find((one) => one === stored);
  return storedPreference(name, requested ?? known ?? fallback, (value) => {
    rewriteAddress({ [name]: value });
    return value;
  });
}

function storedPreference<Value>(name: string, initial: Value, serialize: (value: Value) => string): Preference<Value> {
  const value = signal(initial);
  return Object.assign(value, {
    save(next: Value): void {
      value.value = next;
      store(name, serialize(next));
    },
  });
}

function load(name: string): string | null {
  try {
    return localStorage.getItem(`trunkline.${name}`);
  } catch {
    return null; // Storage may be disabled.
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`trunkline.${name}`, value);
  } catch {
    // Then the value lasts until the page is closed.
  }
}
