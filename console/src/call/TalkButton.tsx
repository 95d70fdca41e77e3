/** Push-to-talk's button: held by mouse, finger or the space bar it lets the caller be heard, and nobody else does. */
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { connection } from "./app-state";
import { Icon } from "../ui/icons";

/** What takes the space bar for itself while it has the focus. */
const TAKES_SPACE = "input, textarea, select, button, summary, a[href], audio, video, [contenteditable], [role=button]";

export function TalkButton(): VNode | null {
  const { talk } = connection;
  const pushes = talk.pushes.value;
  const ready = connection.phase.value === "connected" && connection.role.value === "caller";
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => (pushes && ready ? listenForSpace(button) : undefined), [pushes, ready]);
  if (!pushes) return null;
  return (
    <button
      ref={button}
      type="button"
      class="button talk"
      title="Hold to talk (space bar)"
      aria-pressed={talk.held.value}
      disabled={!ready}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        talk.press();
      }}
      onPointerUp={() => talk.release()}
      onPointerCancel={() => talk.release()}
      onLostPointerCapture={() => talk.release()}
      onContextMenu={(event) => event.preventDefault()}
      onClick={(event) => {
        // Neither pointer nor space bar: a screen reader or the Enter key presses and releases by turns.
        if (event.detail !== 0) return;
        if (talk.held.peek()) talk.release();
        else talk.press();
      }}
    >
      <Icon name="microphone" />
      Talk
    </button>
  );
}

/** The space bar talks while nobody types; whatever takes the keyboard away lets go. */
function listenForSpace(button: { current: HTMLButtonElement | null }): () => void {
  const { talk } = connection;
  const isOurs = (event: KeyboardEvent): boolean => {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey) return false;
    const target = event.target instanceof Element ? event.target.closest(TAKES_SPACE) : null;
    return target === null || target === button.current;
  };
  const down = (event: KeyboardEvent): void => {
    if (!isOurs(event)) return;
    event.preventDefault(); // The page must not scroll, nor the button be clicked.
    if (!event.repeat) talk.press();
  };
  const up = (event: KeyboardEvent): void => {
    if (event.code !== "Space" || !talk.held.peek()) return;
    event.preventDefault();
    talk.release();
  };
  const letGo = (): void => talk.release();
  const hidden = (): void => {
    if (document.visibilityState === "hidden") talk.release();
  };
  addEventListener("keydown", down);
  addEventListener("keyup", up);
  addEventListener("blur", letGo);
  document.addEventListener("visibilitychange", hidden);
  return () => {
    removeEventListener("keydown", down);
    removeEventListener("keyup", up);
    removeEventListener("blur", letGo);
    document.removeEventListener("visibilitychange", hidden);
    talk.release();
  };
}
