/** The bottom of the page: connecting, how one talks and listens, and what is kept of it. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { connectAgain, connection, scenario } from "./app-state";
import * as choices from "./preferences";
import { DownloadAudio } from "../audio/DownloadAudio";
import { Icon } from "../ui/icons";
import { LogsToggle } from "../ui/LogsToggle";
import { SoundSettings } from "../audio/AudioSettings";
import { TalkButton } from "./TalkButton";

export function BottomBar(): VNode {
  const open = useSignal(false);
  const id = useId();
  return (
    <div class={`bottom-bar${open.value ? " bottom-bar-open" : ""}`} role="region" aria-label="Call and sound">
      <ConnectButton />
      <div class="bar-talk">
        <PushToTalk />
        <TalkButton />
      </div>
      {/* On a phone the rest is behind this. */}
      <button type="button" class="icon-button bar-more" aria-label="Sound and more" title="Sound and more" aria-expanded={open.value} aria-controls={id} onClick={() => (open.value = !open.value)}>
        <Icon name="settings" />
      </button>
      <div class="bar-rest" id={id}>
        <Playback />
        <LogsToggle />
        <div class="bar-choices">
          <SoundSettings />
        </div>
        <DownloadAudio />
      </div>
    </div>
  );
}

function ConnectButton(): VNode {
  const phase = connection.phase.value;
  if (phase === "idle" || phase === "ended") {
    return (
      <button type="button" class="button button-primary connect" disabled={!scenario.value} onClick={connectAgain}>
        Connect
      </button>
    );
  }
  return (
    <button type="button" class="button connect" onClick={() => connection.disconnect()}>
      {phase === "connecting" ? "Connecting…" : "Disconnect"}
    </button>
  );
}

function PushToTalk(): VNode {
  const { talk } = connection;
  return (
    <label class="toggle">
      <input
        type="checkbox"
        checked={talk.pushes.value}
        onClick={(event) => {
          if (event.detail !== 0) event.currentTarget.blur(); // by mouse or finger: the space bar is for talking now
        }}
        onChange={(event) => {
          talk.choose(event.currentTarget.checked);
          // A scenario without turn detection keeps it on.
          event.currentTarget.checked = talk.pushes.peek();
        }}
      />
      Push to talk
    </label>
  );
}

function Playback(): VNode {
  return (
    <label class="toggle">
      <input type="checkbox" checked={choices.playback.value} onChange={(event) => choices.playback.choose(event.currentTarget.checked)} />
      Audio playback
    </label>
  );
}
