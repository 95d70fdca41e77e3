/** The microphones and loudspeakers that there are. Browsers name them once the microphone was allowed. */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface Device {
  id: string;
  name: string;
}

export interface Devices {
  microphones: readonly Device[];
  speakers: readonly Device[];
}

const found = signal<Devices>({ microphones: [], speakers: [] });

export const devices: ReadonlySignal<Devices> = found;

let watching = false;

/** Looks again; from the first time on also whenever something is plugged in or out. */
export async function lookForDevices(): Promise<void> {
  const source = navigator.mediaDevices;
  if (!source?.enumerateDevices) return;
  if (!watching) {
    watching = true;
    source.addEventListener?.("devicechange", () => void lookForDevices());
  }
  const all = await source.enumerateDevices().catch(() => []);
  found.value = { microphones: listed(all, "audioinput"), speakers: listed(all, "audiooutput") };
}

/** Those that can be chosen: with an id, and not the browser's names for its own choice. */
function listed(all: MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "" && device.deviceId !== "default" && device.deviceId !== "communications")
    .map((device, index) => ({ id: device.deviceId, name: device.label || `${kind === "audioinput" ? "Microphone" : "Speaker"} ${index + 1}` }));
}
