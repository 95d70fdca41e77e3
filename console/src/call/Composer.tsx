/** Composer below the conversation: microphone, text input and the stop button. */
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LevelMeter } from "../audio/LevelMeter";
import type { MicrophoneState } from "../audio/microphone";
import { Icon } from "../ui/icons";
import { notify } from "../ui/notices";
import { agent, connection, scenario } from "./app-state";
import { imageIn, imageUrl } from "./image-file";
import { sayNext } from "./suggestions";

export function Composer(): VNode {
  const text = useSignal("");
  const ready = connection.phase.value === "connected" && connection.role.value === "caller";
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (ready) focusAfterConnect(input.current);
  }, [ready]);
  const suggestions = useComputed(currentSuggestions).value;
  const send = (): void => {
    const message = text.value.trim();
    if (message !== "" && connection.say(message)) text.value = "";
  };
  const show = (data: DataTransfer | null): boolean => {
    const file = imageIn(data);
    if (file === null || !ready) return false;
    void showImage(file, text.peek().trim()).then((shown) => {
      if (shown) text.value = "";
    });
    return true;
  };
  return (
    <div class="composer">
      {suggestions.length > 0 && (
        <ul class="suggestions" aria-label="Things to say">
          {suggestions.map((suggestion) => (
            <li key={suggestion}>
              <button
                type="button"
                class="suggestion"
                dir="auto"
                aria-disabled={!ready}
                onClick={() => ready && connection.say(suggestion)}
              >
                {suggestion}
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
          ref={input}
          class="message-input"
          type="text"
          aria-label="Message"
          title="Paste or drop an image to show it to the agent"
          placeholder={placeholder()}
          dir="auto"
          autocomplete="off"
          maxLength={16_000}
          disabled={!ready}
          value={text.value}
          onDrop={(event) => {
            if (show(event.dataTransfer)) event.preventDefault();
          }}
          onPaste={(event) => {
            if (show(event.clipboardData)) event.preventDefault();
          }}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <StopButton ready={ready} />
        <button
          type="submit"
          class="button button-primary send"
          aria-label="Send"
          disabled={!ready || text.value.trim() === ""}
        >
          <Icon name="send" />
        </button>
      </form>
      <AudioStatus />
    </div>
  );
}

/** Show the agent an image with the text in the composer; return false if the browser cannot read it. */
async function showImage(file: File, text: string): Promise<boolean> {
  const url = await imageUrl(file);
  if (url !== null) return connection.showImage(url, text);
  notify({ key: "image", tone: "warning", text: "This image cannot be read. Paste or drop a PNG, JPEG or WebP." });
  return false;
}

/** Return the suggestions of the current agent; those that the caller has said go to the end. */
function currentSuggestions(): readonly string[] {
  const info = scenario.value?.agents.find(({ name }) => name === agent.value);
  const said = new Set(
    connection.call.value.entries.flatMap((entry) =>
      entry.type === "message" && entry.role === "user" && !entry.hidden ? [entry.text] : [],
    ),
  );
  return sayNext(info?.things_to_say ?? scenario.value?.things_to_say ?? [], said);
}

/**
 * Focus the text box of a new call, unless the reader is elsewhere. On a touch screen a keyboard would cover the page,
 * and with push-to-talk the space bar belongs to the caller's voice.
 */
function focusAfterConnect(input: HTMLInputElement | null): void {
  const focused = document.activeElement;
  const isElsewhere = focused !== null && focused !== document.body && !focused.classList.contains("connect");
  if (isElsewhere || !matchMedia("(pointer: fine)").matches || connection.pushToTalk.enabled.peek()) return;
  input?.focus({ preventScroll: true });
}

function placeholder(): string {
  if (connection.role.value === "viewer" && connection.phase.value === "connected") return "You are watching this call";
  switch (connection.phase.value) {
    case "connected":
      return "Speak or type";
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
    const streaming = connection.call.value.entries.some(
      (entry) => entry.type === "message" && entry.role === "assistant" && entry.status === "streaming",
    );
    return streaming || (connection.leg.value?.audible.value ?? false);
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
  const state = microphoneState();
  const label =
    state === "muted" ? "Unmute microphone" : state === "unavailable" ? "Try the microphone again" : "Mute microphone";
  const press = (): void => {
    if (state === "unavailable") void microphone?.open();
    else connection.pushToTalk.mute(state !== "muted");
  };
  return (
    <button
      type="button"
      class={`icon-button microphone microphone-${state}`}
      aria-label={label}
      title={label}
      disabled={microphone === undefined}
      onClick={press}
    >
      <Icon name={state === "on" || state === "standby" ? "microphone" : "muted"} />
    </button>
  );
}

/** Return the microphone's state. The caller can mute it before it is open, which also happens with each new leg. */
function microphoneState(): MicrophoneState {
  const state = connection.leg.value?.microphone.state.value ?? "off";
  return connection.pushToTalk.muted.value && (state === "off" || state === "asking") ? "muted" : state;
}

const MICROPHONE_LABELS = {
  off: "Microphone off",
  asking: "Waiting for the microphone…",
  on: "Microphone on",
  standby: "Press Talk to be heard",
  muted: "Microphone muted",
  unavailable: "No microphone",
} as const;

/** State and level of the microphone and of the agent's audio. */
function AudioStatus(): VNode {
  const leg = connection.leg.value;
  const { callerSpeaks, agent: speaker } = connection.call.value;
  const audible = leg?.audible.value ?? false;
  const listens = callerSpeaks || connection.pushToTalk.pressed.value;
  return (
    <div class="audio-status">
      <span class="audio-side">
        {leg && <LevelMeter level={leg.microphone.level} kind="input" />}
        <span>{leg && listens ? "Listening…" : MICROPHONE_LABELS[microphoneState()]}</span>
      </span>
      <span class="audio-side">
        {audible && (
          <span dir="auto">
            <span class="speaking-agent">{speaker ?? "The agent"} is </span>speaking
          </span>
        )}
        {leg && <LevelMeter level={leg.level} kind="output" />}
      </span>
    </div>
  );
}
