/** The event that the event log should show: from a link, a pair or a chart. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { showLogs, tab } from "../ui/layout-state";
import { notify } from "../ui/notices";
import { pageOf } from "../ui/page-address";

export interface EventTarget {
  seq: number;
  /** True to expand the event. */
  open: boolean;
  /** True to move the focus to the log. */
  focus: boolean;
}

const wanted = signal<EventTarget | null>(null);

/** The event to show; null after the log has shown it. */
export const eventTarget: ReadonlySignal<EventTarget | null> = wanted;

/** Show an event in the log as soon as the log has it. A hidden log stays hidden. */
export function showEvent(seq: number, { open = false, focus = false }: Partial<EventTarget> = {}): void {
  wanted.value = { seq, open, focus };
}

export function onEventShown(): void {
  wanted.value = null;
}

/** Return the seq in the hash of an address, such as `#42`; null for another hash. */
export function seqOfHash(hash: string): number | null {
  return /^#[1-9]\d{0,9}$/.test(hash) ? Number(hash.slice(1)) : null;
}

/** Return the address of an event in a call. */
export function eventAddress(page: string, callId: string, seq: number): string {
  const address = new URL(page);
  const isStored = pageOf(address).name === "call";
  address.search = isStored ? "" : `?${new URLSearchParams({ call: callId })}`;
  address.hash = String(seq);
  return address.href;
}

/** Show the event that the page's address names, now and whenever its hash changes. */
export function followHash(): void {
  const follow = (): void => {
    const seq = seqOfHash(location.hash);
    if (seq === null) return;
    showLogs(true);
    tab.value = "events";
    showEvent(seq, { open: true, focus: true });
  };
  addEventListener("hashchange", follow);
  follow();
}

/** Report an event that the log does not have. */
export function onEventMissing(seq: number): void {
  wanted.value = null;
  notify({ key: "event", tone: "warning", text: `The log of this call does not have the event ${seq}.` });
}
