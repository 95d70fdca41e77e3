/** The one thing that the call waits for, in words; nothing while it waits for the caller or the link. */
import type { VNode } from "preact";
import type { TurnWaiting } from "../transport/log-events";

/** Return the words for a wait, or null if no words are needed. */
export function waitingWords({ for: reason, tools = [], agent }: TurnWaiting): string | null {
  switch (reason) {
    case "endpointing":
      return "Listening";
    case "request":
    case "model":
      return "Thinking";
    case "audio":
      return "Speaking";
    case "guardrails":
      return "Checking the answer";
    case "tools":
      return `Waiting for ${tools.join(", ") || "a tool"}`;
    case "approval":
      return `Needs your permission: ${tools.join(", ") || "a tool"}`;
    case "handoff":
      return agent ? `Transferring to ${agent}` : "Transferring";
    default:
      return null; // the caller's turn, the link's own label, or a wait of a newer server
  }
}

/** Waits that may last long enough for a screen reader to announce them. */
const ANNOUNCED: ReadonlySet<TurnWaiting["for"]> = new Set(["tools", "approval", "handoff"]);

export function Waiting({ waiting }: { waiting: TurnWaiting }): VNode {
  const words = waitingWords(waiting);
  return (
    <>
      {words && (
        <span class="status-waiting" title={`The call waits for: ${waiting.for}`}>
          {words}
        </span>
      )}
      <output class="visually-hidden">{ANNOUNCED.has(waiting.for) ? words : ""}</output>
    </>
  );
}
