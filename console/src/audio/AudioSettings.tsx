/** Menu with the settings for codec, transport, microphone and speaker. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { CodecName } from "../call/address";
import { EngineParts } from "../call/EngineParts";
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

export function AudioMenu(): VNode {
  const open = useSignal(false);
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open.value) return undefined;
    const onPointerDown = ({ target }: PointerEvent): void => {
      if (target instanceof Node && !menu.current?.contains(target)) open.value = false;
    };
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // Escape would also stop the agent.
      open.value = false;
      menu.current?.querySelector("button")?.focus();
    };
    const element = menu.current;
    addEventListener("pointerdown", onPointerDown);
    element?.addEventListener("keydown", onKeyDown);
    return () => {
      removeEventListener("pointerdown", onPointerDown);
      element?.removeEventListener("keydown", onKeyDown);
    };
  }, [open.value]);
  return (
    <div ref={menu} class={open.value ? "audio-menu audio-menu-open" : "audio-menu"}>
      <button
        type="button"
        class="button audio-button"
        aria-expanded={open.value}
        aria-controls={id}
        onClick={() => (open.value = !open.value)}
      >
        <Icon name="audio" />
        Audio
      </button>
      <div class="bar-choices" id={id}>
        <AudioSettings />
        <EngineParts />
      </div>
    </div>
  );
}

function AudioSettings(): VNode {
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
