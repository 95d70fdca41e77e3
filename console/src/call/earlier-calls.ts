/** The calls that this tab had before: the server keeps them for a while, to be read. */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface EarlierCall {
  id: string;
  scenario: string;
  /** Unix time in ms. */
  startedAt: number;
}

const KEY = "trunkline.calls";
const MOST = 6;
const kept = signal<readonly EarlierCall[]>(recall());

/** The newest first. */
export const earlierCalls: ReadonlySignal<readonly EarlierCall[]> = kept;

export function rememberCall(call: EarlierCall): void {
  if (kept.peek()[0]?.id === call.id) return;
  kept.value = [call, ...kept.peek().filter(({ id }) => id !== call.id)].slice(0, MOST);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept.peek()));
  } catch {
    // Without storage they are known until the page is left.
  }
}

function recall(): EarlierCall[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isCall) : [];
  } catch {
    return [];
  }
}

function isCall(value: unknown): value is EarlierCall {
  const { id, scenario, startedAt } = (value ?? {}) as Record<string, unknown>;
  return typeof id === "string" && typeof scenario === "string" && typeof startedAt === "number";
}
