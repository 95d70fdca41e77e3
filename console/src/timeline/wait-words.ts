/** Words for a turn's wait. */
import type { TurnWait } from "../call/call-state";
import { duration } from "../ui/time";

const AFTER: Record<TurnWait["after"], string> = {
  speech: "after the caller's speech",
  text: "after the caller's message",
  greeting: "for the greeting",
};

/** Return a sentence with a turn's wait and its parts. */
export function describeWait({ totalMs, parts, after }: Pick<TurnWait, "totalMs" | "parts" | "after">): string {
  const each = parts.map(({ name, ms }) => `${partName(name)} ${duration(ms)}`).join(", ");
  return `${duration(totalMs)} ${AFTER[after]}${each && `: ${each}`}`;
}

export function partName(name: string): string {
  return name.replaceAll("_", " ");
}
