/** Keys of a stored call's page. */

export type PlaybackCommand =
  | { type: "toggle" }
  | { type: "skip"; ms: number }
  | { type: "seek"; ms: number }
  | { type: "turn"; direction: 1 | -1 }
  | { type: "faster" }
  | { type: "slower" }
  | { type: "skip-silence" }
  | { type: "note" }
  | { type: "whole" }
  | { type: "end" };

export const KEYS: readonly { keys: string; action: string }[] = [
  { keys: "Space, K", action: "play or pause" },
  { keys: "← →", action: "5 s back, 5 s on; with Shift, 1 s" },
  { keys: "J L", action: "10 s back, 10 s on" },
  { keys: "[ ]", action: "the turn before, the next turn" },
  { keys: "Home End", action: "the start, the end" },
  { keys: "< >", action: "slower, faster" },
  { keys: "S", action: "skip silence" },
  { keys: "N", action: "write a note on this moment" },
  { keys: "Escape", action: "show the whole call" },
];

interface Key {
  key: string;
  shiftKey?: boolean;
}

/** Return the command of a key, or null. */
export function commandOf({ key, shiftKey = false }: Key): PlaybackCommand | null {
  switch (key.toLowerCase()) {
    case " ":
    case "k":
      return { type: "toggle" };
    case "arrowleft":
      return { type: "skip", ms: shiftKey ? -1000 : -5000 };
    case "arrowright":
      return { type: "skip", ms: shiftKey ? 1000 : 5000 };
    case "j":
      return { type: "skip", ms: -10_000 };
    case "l":
      return { type: "skip", ms: 10_000 };
    case "[":
      return { type: "turn", direction: -1 };
    case "]":
      return { type: "turn", direction: 1 };
    case "home":
      return { type: "seek", ms: 0 };
    case "end":
      return { type: "end" };
    case "<":
      return { type: "slower" };
    case ">":
      return { type: "faster" };
    case "s":
      return { type: "skip-silence" };
    case "n":
      return { type: "note" };
    case "escape":
      return { type: "whole" };
    default:
      return null;
  }
}

/** Return whether an element uses a key itself, so that the page leaves it alone. */
export function usesKey(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest("dialog, [contenteditable]")) return true;
  if (target.matches("input[type=range]")) return false;
  if (target.matches("input[type=checkbox]")) return key === " ";
  if (target.matches("input, textarea, select")) return true;
  if (target.closest("[role=tree], .voices-view, .latency-turns")) return key !== "k" && key.length > 1;
  if (target.closest("button, a, summary")) return key === " " || key === "Enter" || key === "Escape";
  // A focused pane scrolls by these.
  return target.closest(".scroll") !== null && ["Home", "End"].includes(key);
}
