/** Push-to-talk button: the agent hears the caller while they hold it by mouse, finger or space bar. */
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LevelMeter } from "../audio/LevelMeter";
import { Icon } from "../ui/icons";
import { connection } from "./app-state";

/** Elements that use the space bar while they have the focus. */
const SPACE_CONSUMERS =
  "input, textarea, select, button, summary, a[href], audio, video, [contenteditable], [role=button]";

export function TalkButton(): VNode {
  const { pushToTalk } = connection;
  const enabled = pushToTalk.enabled.value;
  const ready = enabled && connection.phase.value === "connected" && connection.role.value === "caller";
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => (enabled && ready ? listenForSpace(button) : undefined), [enabled, ready]);
  const pressed = pushToTalk.pressed.value;
  const level = connection.leg.value?.microphone.level;
  return (
    <button
      ref={button}
      type="button"
      class="button talk"
      title={enabled ? "Hold to talk (space bar)" : "Turn on “Push to talk” first"}
      aria-label="Talk"
      aria-pressed={pressed}
      disabled={!ready}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        pushToTalk.press();
      }}
      onPointerUp={() => pushToTalk.release()}
      onPointerCancel={() => pushToTalk.release()}
      onLostPointerCapture={() => pushToTalk.release()}
      onContextMenu={(event) => event.preventDefault()}
      onClick={(event) => {
        // A click without pointer or space bar, as from a screen reader or the Enter key, toggles the button.
        if (event.detail !== 0) return;
        if (pushToTalk.pressed.peek()) pushToTalk.release();
        else pushToTalk.press();
      }}
    >
      <Icon name="microphone" />
      <span class="talk-label">{pressed ? "Listening" : "Talk"}</span>
      {pressed && level && <LevelMeter level={level} kind="input" />}
    </button>
  );
}

/** Listen for the space bar while no input has the focus; losing the keyboard releases the button. */
function listenForSpace(button: { current: HTMLButtonElement | null }): () => void {
  const { pushToTalk } = connection;
  const isTalkKey = (event: KeyboardEvent): boolean => {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey) return false;
    const target = event.target instanceof Element ? event.target.closest(SPACE_CONSUMERS) : null;
    return target === null || target === button.current;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isTalkKey(event)) return;
    event.preventDefault(); // The page must not scroll, nor the button be clicked.
    if (!event.repeat) pushToTalk.press();
  };
  const onKeyUp = (event: KeyboardEvent): void => {
    if (event.code !== "Space" || !pushToTalk.pressed.peek()) return;
    event.preventDefault();
    pushToTalk.release();
  };
  const onBlur = (): void => pushToTalk.release();
  const onVisibilityChange = (): void => {
    if (document.visibilityState === "hidden") pushToTalk.release();
  };
  addEventListener("keydown", onKeyDown);
  addEventListener("keyup", onKeyUp);
  addEventListener("blur", onBlur);
  document.addEventListener("visibilitychange", onVisibilityChange);
  return () => {
    removeEventListener("keydown", onKeyDown);
    removeEventListener("keyup", onKeyUp);
    removeEventListener("blur", onBlur);
    document.removeEventListener("visibilitychange", onVisibilityChange);
    pushToTalk.release();
  };
}
