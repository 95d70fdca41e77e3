/** The bottom of the page: connecting, how one talks and listens, and what is kept of it. */
import type { VNode } from "preact";
import { connect, connection, scenario } from "../console";
import * as choices from "../choices";
import { DownloadAudio } from "./DownloadAudio";
import { LogsToggle } from "./LogsToggle";
import { SoundSettings } from "./SoundSettings";
import { TalkButton } from "./TalkButton";

export function BottomBar(): VNode {
  return (
    <div class="bottom-bar" role="region" aria-label="Call and sound">
      <ConnectButton />
      <div class="bar-talk">
        <PushToTalk />
        <TalkButton />
      </div>
      <Playback />
      <LogsToggle />
      <SoundSettings />
      <DownloadAudio />
    </div>
  );
}

function ConnectButton(): VNode {
  const phase = connection.phase.value;
  if (phase === "idle" || phase === "ended") {
    return (
      <button type="button" class="button button-primary connect" disabled={!scenario.value} onClick={connect}>
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
