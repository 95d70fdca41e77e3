/** Player of a stored call: the timeline of the whole call, and the buttons below it. */
import { useComputed, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../ui/icons";
import { LogsToggle } from "../ui/LogsToggle";
import { callTime } from "../ui/time";
import { audioUrl } from "./calls-api";
import { NoteForm } from "./NoteEntry";
import { Overview } from "./Overview";
import { DownloadMenu, KeysMenu, LinkButton } from "./PlayerMenus";
import { commandOf, usesKey } from "./playback-keys";
import { runCommand } from "./player-commands";
import { SPEEDS, type Speed } from "./playhead";
import type { LoadedCall, StoredCallModel } from "./stored-call";
import { TestDialog } from "./TestDialog";

interface PlayerBarProps {
  call: LoadedCall;
  model: StoredCallModel;
  agents: readonly string[];
}

export function PlayerBar({ call, model, agents }: PlayerBarProps): VNode {
  const { player, summary } = call;
  const noteAt = useSignal<{ atMs: number; seq: number | null } | null>(null);
  const testing = useSignal(false);
  const openNote = (): void => {
    player.pause();
    const atMs = player.positionMs.peek() ?? 0;
    noteAt.value = { atMs, seq: player.positionMs.peek() === null ? null : player.call.peek().lastSeq || null };
  };
  usePlaybackKeys(call, openNote);
  const { playing, speed, skipsSilence, audio } = player.playhead.value;
  const command = (direction: 1 | -1) => () => runCommand(call, { type: "turn", direction }, openNote);
  return (
    <section class="player" aria-label="Player">
      {summary.audio && <Audio call={call} />}
      <Overview call={call} model={model} agents={agents} />
      {player.problem.value !== null && (
        <p class="player-problem" role="alert">
          {player.problem.value}
        </p>
      )}
      {noteAt.value !== null && <NoteForm {...noteAt.value} model={model} close={() => (noteAt.value = null)} />}
      <div class="player-row">
        <div class="player-main">
          <RoundButton icon="previous" label="The turn before" keys="[" onClick={command(-1)} />
          <button
            type="button"
            class="button button-primary player-play"
            title={`${playing ? "Pause" : "Play"} (space bar)`}
            onClick={() => player.toggle()}
          >
            <Icon name={playing ? "pause" : "play"} />
            {playing ? "Pause" : "Play"}
          </button>
          <RoundButton icon="next" label="The next turn" keys="]" onClick={command(1)} />
          <Times call={call} />
        </div>
        <div class="player-options">
          <label class="player-speed">
            <span class="visually-hidden">Speed</span>
            <select
              value={String(speed)}
              onChange={(event) => player.setSpeed(Number(event.currentTarget.value) as Speed)}
            >
              {SPEEDS.map((one) => (
                <option key={one} value={String(one)}>
                  {one} ×
                </option>
              ))}
            </select>
          </label>
          <label class="toggle" title="Skip silence (S)">
            <input
              type="checkbox"
              checked={skipsSilence}
              onChange={(event) => player.skipSilence(event.currentTarget.checked)}
            />
            Skip silence
          </label>
          <span class="player-logs">
            <LogsToggle />
          </span>
          {!summary.audio && <span class="player-silent">No audio is stored</span>}
          {summary.audio && audio === "none" && <span class="player-silent">Without audio</span>}
        </div>
        <div class="player-actions">
          <button
            type="button"
            class="button button-small"
            aria-label="Note"
            title="Write a note on this moment (N)"
            onClick={openNote}
          >
            <Icon name="flag" />
            <span class="player-label">Note</span>
          </button>
          <button
            type="button"
            class="button button-small"
            aria-label="Make a test"
            title="A pytest file that repeats this call"
            onClick={() => (testing.value = true)}
          >
            <Icon name="test" />
            <span class="player-label">Make a test</span>
          </button>
          <LinkButton player={player} />
          <DownloadMenu summary={summary} />
          <span class="player-keys">
            <KeysMenu />
          </span>
        </div>
      </div>
      {testing.value && <TestDialog callId={summary.call_id} close={() => (testing.value = false)} />}
    </section>
  );
}

function Audio({ call: { player, summary } }: { call: LoadedCall }): VNode {
  const element = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    player.attach(element.current);
    return () => player.attach(null);
  }, [player]);
  // Safari plays Ogg only in its newest versions.
  const format = document.createElement("audio").canPlayType('audio/ogg; codecs="opus"') === "" ? "wav" : "ogg";
  // biome-ignore lint/a11y/useMediaCaption: the transcript of the call is on the page, and follows the audio.
  return <audio ref={element} src={audioUrl(summary.call_id, format)} preload="auto" />;
}

interface RoundButtonProps {
  icon: IconName;
  label: string;
  keys: string;
  onClick: () => void;
}

function RoundButton({ icon, label, keys, onClick }: RoundButtonProps): VNode {
  return (
    <button type="button" class="icon-button" aria-label={label} title={`${label} (${keys})`} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

/** The playhead and the call's duration. Only the text changes with each frame. */
function Times({ call: { player } }: { call: LoadedCall }): VNode {
  const now = useComputed(() => callTime(player.positionMs.value ?? 0));
  const isWhole = useComputed(() => player.positionMs.value === null);
  return (
    <span class="player-times">
      <span>{now}</span> / {callTime(player.durationMs)}
      {isWhole.value ? (
        <span class="player-whole">whole call</span>
      ) : (
        <button
          type="button"
          class="button button-small button-quiet"
          title="Show the whole call (Escape)"
          onClick={() => player.showWhole()}
        >
          Whole call
        </button>
      )}
    </span>
  );
}

function usePlaybackKeys(call: LoadedCall, openNote: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
      const command = usesKey(event.target, event.key) ? null : commandOf(event);
      if (command === null) return;
      event.preventDefault();
      runCommand(call, command, openNote);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [call]);
}
