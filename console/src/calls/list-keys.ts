/** Keys of the list of calls. */
import type { CallSummary } from "./calls-api";

/** Handle a key: arrows, J and K move between the calls, Delete deletes one, and / searches. Enter follows the link. */
export function onListKey(
  event: KeyboardEvent,
  onDelete: (call: CallSummary) => void,
  calls: readonly CallSummary[],
): void {
  const { target } = event;

  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || !(target instanceof Element)) return;
  if (target.matches("input, select, textarea") || target.closest("dialog")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector<HTMLInputElement>(".search-box input")?.focus();
    return;
  }
  const rows = [...document.querySelectorAll<HTMLElement>("tr[data-call]")];
  const at = rows.findIndex((row) => row.contains(target));
  if (event.key === "Delete" && at !== -1) {
    const call = calls.find(({ call_id }) => call_id === rows[at]?.dataset.call);
    if (call && !call.live) onDelete(call);
    return;
  }
  const steps: Record<string, number> = {
    ArrowUp: at - 1,
    k: at - 1,
    ArrowDown: at + 1,
    j: at + 1,
    Home: 0,
    End: rows.length - 1,
  };
  const step = steps[event.key];
  if (step === undefined || rows.length === 0 || step < 0) return;
  event.preventDefault();
  rows[Math.min(rows.length - 1, step)]?.querySelector<HTMLElement>("a")?.focus();
}
