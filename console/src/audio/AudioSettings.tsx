/** Settings for codec, transport, microphone and speaker. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { CodecName } from "../call/address";
import * as preferences from "../call/preferences";
import { Icon, type IconName } from "../ui/icons";
import { canChooseSpeaker } from "./audio-graph";
import { type Device, devices, refreshDevices } from "./devices";

const CODECS: Record<CodecName, string> = { opus: "Opus 48 kHz", pcmu: "PCMU 8 kHz", pcma: "PCMA 8 kHz" };
const TRANSPORTS: Record<preferences.TransportPreference, string> = {
  auto: "Automatic",
  webrtc: "WebRTC",
  websocket: "WebSocket",
};

export function AudioSettings(): VNode {
  useEffect(() => void refreshDevices(), []);
  const { microphones, speakers } = devices.value;
  return (
    <>
      <SettingSelect label="Codec" preference={preferences.codec} options={named(CODECS)} />
      <SettingSelect label="Transport" preference={preferences.transport} options={named(TRANSPORTS)} />
      {microphones.length > 0 && (
        <SettingSelect
          label="Microphone"
          preference={preferences.microphone}
          options={withDefault(microphones)}
          icon="microphone"
        />
      )}
      {canChooseSpeaker && speakers.length > 0 && (
        <SettingSelect label="Speaker" preference={preferences.speaker} options={withDefault(speakers)} icon="audio" />
      )}
    </>
  );
}

interface SettingSelectProps<Value extends string> {
  label: string;
  preference: preferences.Preference<Value>;
  options: readonly (readonly [Value, string])[];
  /** Replaces the visible label. */
  icon?: IconName;
}

function SettingSelect<Value extends string>({
  label,
  preference: choice,
  options,
  icon,
}: SettingSelectProps<Value>): VNode {
  // A disconnected device remains the stored preference.
  const shown = options.some(([value]) => value === choice.value) ? choice.value : options[0]?.[0];
  const optionsOf = `${label}: ${options.find(([value]) => value === shown)?.[1] ?? ""}`;
  return (
    <label class={`choice bar-choice bar-${label.toLowerCase()}`}>
      {icon && <Icon name={icon} />}
      <span>{label}</span>
      <select value={shown} title={optionsOf} onChange={(event) => choice.save(event.currentTarget.value as Value)}>
        {options.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function named<Name extends string>(names: Record<Name, string>): [Name, string][] {
  return Object.entries(names) as [Name, string][];
}

/** Put the browser's default first. */
function withDefault(found: readonly Device[]): [string, string][] {
  return [["", "Default"], ...found.map(({ id, name }): [string, string] => [id, name])];
}
