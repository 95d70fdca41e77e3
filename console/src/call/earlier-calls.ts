/** Earlier calls of this tab, which the server keeps for a while. */
import { type ReadonlySignal, signal } from "@preact/signals";

export interface EarlierCall {
  id: string;
  scenario: string;
  /** Unix time in ms. */
  startedAt: number;
}

const STORAGE_KEY = "trunkline.calls";
const MAX_CALLS = 6;
const calls = signal<readonly EarlierCall[]>(load());

/** Newest first. */
export const earlierCalls: ReadonlySignal<readonly EarlierCall[]> = calls;

export function rememberCall(call: EarlierCall): void {
  if (calls.peek()[0]?.id === call.id) return;
  calls.value = [call, ...calls.peek().filter(({ id }) => id !== call.id)].slice(0, MAX_CALLS);
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(calls.peek()));
  } catch {
    // Without storage the list lasts until the page is closed.
  }
}

function load(): EarlierCall[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isCall) : [];
  } catch {
    return [];
  }
}

function isCall(value: unknown): value is EarlierCall {
  const { id, scenario, startedAt } = (value ?? {}) as Record<string, unknown>;
  return typeof id === "string" && typeof scenario === "string" && typeof startedAt === "number";
}
