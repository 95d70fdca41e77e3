/** Which way the sound takes, how it is coded, and on which devices it begins and ends. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { CodecName } from "../call/address";
import * as choices from "../call/preferences";
import { type Device, devices, lookForDevices } from "./devices";
import { choosesSpeaker } from "./audio-graph";
import { Icon, type IconName } from "../ui/icons";

const CODECS: Record<CodecName, string> = { opus: "Opus 48 kHz", pcmu: "PCMU 8 kHz", pcma: "PCMA 8 kHz" };
const TRANSPORTS: Record<choices.TransportChoice, string> = { auto: "Automatic", webrtc: "WebRTC", websocket: "WebSocket" };

export function SoundSettings(): VNode {
  useEffect(() => void lookForDevices(), []);
  const { microphones, speakers } = devices.value;
  return (
    <>
      <Choose label="Codec" choice={choices.codec} options={named(CODECS)} />
      <Choose label="Transport" choice={choices.transport} options={named(TRANSPORTS)} />
      {microphones.length > 0 && <Choose label="Microphone" choice={choices.microphone} options={withUsual(microphones)} icon="microphone" />}
      {choosesSpeaker && speakers.length > 0 && <Choose label="Speaker" choice={choices.speaker} options={withUsual(speakers)} icon="sound" />}
    </>
  );
}

interface ChooseProps<Value extends string> {
  label: string;
  choice: choices.Choice<Value>;
  options: readonly (readonly [Value, string])[];
  /** In place of the label, for eyes. */
  icon?: IconName;
}

function Choose<Value extends string>({ label, choice, options, icon }: ChooseProps<Value>): VNode {
  // A device that is not plugged in now is still the choice.
  const shown = options.some(([value]) => value === choice.value) ? choice.value : options[0]?.[0];
  const named = `${label}: ${options.find(([value]) => value === shown)?.[1] ?? ""}`;
  return (
    <label class={`choice bar-choice bar-${label.toLowerCase()}`}>
      {icon && <Icon name={icon} />}
      <span>{label}</span>
      <select value={shown} title={named} onChange={(event) => choice.choose(event.currentTarget.value as Value)}>
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

/** The browser's own choice comes first. */
function withUsual(found: readonly Device[]): [string, string][] {
  return [["", "Default"], ...found.map(({ id, name }): [string, string] => [id, name])];
}
