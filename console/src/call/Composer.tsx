/** The bottom of the conversation: microphone, text, and how to stop the agent. */
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { connection, scenario } from "./app-state";
import { Icon } from "../ui/icons";
import { Meter } from "../audio/LevelMeter";

export function Composer(): VNode {
  const text = useSignal("");
  const ready = connection.phase.value === "connected" && connection.role.value === "caller";
  const things = scenario.value?.things_to_say ?? [];
  const send = (): void => {
    const words = text.value.trim();
    if (words !== "" && connection.say(words)) text.value = "";
  };
  return (
    <div class="composer">
      {things.length > 0 && (
        <ul class="things" aria-label="Things to say">
          {things.map((thing) => (
            <li key={thing}>
              <button type="button" class="thing" dir="auto" aria-disabled={!ready} onClick={() => ready && connection.say(thing)}>
                {thing}
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        class="composer-row"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <MicrophoneButton />
        <input
          class="message-input"
          type="text"
          aria-label="Message"
          placeholder={placeholder()}
          dir="auto"
          autocomplete="off"
          maxLength={16_000}
          disabled={!ready}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <StopButton ready={ready} />
        <button type="submit" class="button button-primary send" aria-label="Send" disabled={!ready || text.value.trim() === ""}>
          <Icon name="send" />
        </button>
      </form>
      <Sounds />
    </div>
  );
}

function placeholder(): string {
  if (connection.role.value === "viewer" && connection.phase.value === "connected") return "You are watching this call";
  switch (connection.phase.value) {
    case "connected":
      return "Speak, or type a message";
    case "connecting":
      return "Connecting…";
    case "reconnecting":
      return "Reconnecting…";
    default:
      return "Connect to talk";
  }
}

function StopButton({ ready }: { ready: boolean }): VNode | null {
  const leg = connection.leg.value;
  const speaks = useComputed(() => {
    const growing = connection.call.value.entries.some(
      (entry) => entry.type === "message" && entry.role === "assistant" && entry.status === "growing",
    );
    return growing || (connection.leg.value?.sounding.value ?? false);
  });
  const shown = ready && leg !== null && speaks.value;
  useEffect(() => {
    if (!shown) return undefined;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") connection.interrupt();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [shown]);
  if (!shown) return null;
  return (
    <button type="button" class="button stop" title="Stop the agent (Escape)" onClick={() => connection.interrupt()}>
      <Icon name="stop" />
      Stop
    </button>
  );
}

function MicrophoneButton(): VNode {
  const microphone = connection.leg.value?.microphone;
  const state = microphone?.state.value ?? "off";
  const label = state === "muted" ? "Unmute microphone" : state === "unavailable" ? "Try the microphone again" : "Mute microphone";
  const press = (): void => {
    if (state === "unavailable") void microphone?.open();
    else connection.talk.mute(state !== "muted");
  };
  return (
    <button
      type="button"
      class={`icon-button microphone microphone-${state}`}
      aria-label={label}
      title={label}
      disabled={state === "off" || state === "asking"}
      onClick={press}
    >
      <Icon name={state === "on" || state === "standby" ? "microphone" : "muted"} />
    </button>
  );
}

const MICROPHONE = {
  off: "Microphone off",
  asking: "Waiting for the microphone…",
  on: "Microphone on",
  standby: "Press Talk to be heard",
  muted: "Microphone muted",
  unavailable: "No microphone",
} as const;

/** Who makes sound now, in words and as levels. */
function Sounds(): VNode {
  const leg = connection.leg.value;
  const { callerSpeaks, agent } = connection.call.value;
  const sounding = leg?.sounding.value ?? false;
  return (
    <div class="sounds">
      <span class="sound-side">
        {leg && <Meter level={leg.microphone.level} kind="input" />}
        <span>{leg && callerSpeaks ? "Listening…" : MICROPHONE[leg?.microphone.state.value ?? "off"]}</span>
      </span>
      <span class="sound-side">
        <span dir="auto">{sounding ? `${agent ?? "The agent"} is speaking` : ""}</span>
        {leg && <Meter level={leg.level} kind="output" />}
      </span>
    </div>
  );
}
