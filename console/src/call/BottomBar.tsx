/** Bottom bar of the page: connection, push-to-talk, playback, audio settings and the recording. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { AudioMenu } from "../audio/AudioSettings";
import { DownloadAudio } from "../audio/DownloadAudio";
import { Icon } from "../ui/icons";
import { LogsToggle } from "../ui/LogsToggle";
import { connection, refreshAndConnect, scenario } from "./app-state";
import * as preferences from "./preferences";
import { TalkButton } from "./TalkButton";

export function BottomBar(): VNode {
  const open = useSignal(false);
  const id = useId();
  return (
    <section class={`bottom-bar${open.value ? " bottom-bar-open" : ""}`} aria-label="Call and sound">
      <ConnectButton />
      <div class="bar-talk">
        <PushToTalkToggle />
        <TalkButton />
      </div>
      {/* On a phone this button expands the rest. */}
      <button
        type="button"
        class="icon-button bar-more"
        aria-label="Sound and more"
        title="Sound and more"
        aria-expanded={open.value}
        aria-controls={id}
        onClick={() => (open.value = !open.value)}
      >
        <Icon name="settings" />
      </button>
      <div class="bar-rest" id={id}>
        <PlaybackToggle />
        <LogsToggle />
        <AudioMenu />
        <DownloadAudio />
      </div>
    </section>
  );
}

function ConnectButton(): VNode {
  const phase = connection.phase.value;
  if (phase === "idle" || phase === "ended") {
    return (
      <button
        type="button"
        class="button button-primary connect"
        disabled={!scenario.value}
        onClick={refreshAndConnect}
      >
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

function PushToTalkToggle(): VNode {
  const { pushToTalk } = connection;
  return (
    <label class="toggle">
      <input
        type="checkbox"
        checked={pushToTalk.enabled.value}
        onClick={(event) => {
          if (event.detail !== 0) event.currentTarget.blur(); // by mouse or finger: from now on the space bar is for push-to-talk
        }}
        onChange={(event) => pushToTalk.setEnabled(event.currentTarget.checked)}
      />
      Push to talk
    </label>
  );
}

function PlaybackToggle(): VNode {
  return (
    <label class="toggle">
      <input
        type="checkbox"
        checked={preferences.playbackEnabled.value}
        onChange={(event) => preferences.playbackEnabled.save(event.currentTarget.checked)}
      />
      Audio playback
    </label>
  );
}
