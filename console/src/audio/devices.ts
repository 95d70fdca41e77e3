/** Available microphones and speakers. Browsers name them once the microphone is allowed. */
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

/** Refresh the lists, and from the first call on also on every change of devices. */
export async function refreshDevices(): Promise<void> {
  const source = navigator.mediaDevices;
  if (!source?.enumerateDevices) return;
  if (!watching) {
    watching = true;
    source.addEventListener?.("devicechange", () => void refreshDevices());
  }
  const all = await source.enumerateDevices().catch(() => []);
  found.value = { microphones: selectableDevices(all, "audioinput"), speakers: selectableDevices(all, "audiooutput") };
}

/** Return the devices with an id, without the browser's aliases for its default. */
function selectableDevices(all: MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return all
    .filter(
      (device) =>
        device.kind === kind &&
        device.deviceId !== "" &&
        device.deviceId !== "default" &&
        device.deviceId !== "communications",
    )
    .map((device, index) => ({
      id: device.deviceId,
      name: device.label || `${kind === "audioinput" ? "Microphone" : "Speaker"} ${index + 1}`,
    }));
}
