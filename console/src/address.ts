/** What the page's address asks for, and the call's id in it: a reload comes back to the same call. */
import type { Transport } from "./api";

export interface Wishes {
  scenario: string | null;
  agent: string | null;
  transport: "auto" | Transport;
  call: string | null;
  /** False with `?connect=0`: wait for the button. */
  connects: boolean;
}

export function readWishes(search: string): Wishes {
  const given = new URLSearchParams(search);
  const transport = given.get("transport");
  return {
    scenario: given.get("scenario") || given.get("agentConfig") || null,
    agent: given.get("agent") || null,
    transport: transport === "webrtc" || transport === "websocket" ? transport : "auto",
    call: given.get("call") || null,
    connects: given.get("connect") !== "0",
  };
}

/** The search part that names this call and its scenario, with whatever else was in it. */
export function searchWith(search: string, changes: Record<string, string | null>): string {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return params.size > 0 ? `?${params}` : "";
}

export function rewriteAddress(changes: Record<string, string | null>): void {
  history.replaceState(history.state, "", location.pathname + searchWith(location.search, changes) + location.hash);
}

/** The leg's id proves that the same tab comes back. It lives as long as the tab. */
export function rememberLeg(callId: string, legId: string): void {
  try {
    sessionStorage.setItem(`trunkline.leg.${callId}`, legId);
  } catch {
    // Storage may be switched off; then a reload comes back as a viewer.
  }
}

export function recallLeg(callId: string): string | null {
  try {
    return sessionStorage.getItem(`trunkline.leg.${callId}`);
  } catch {
    return null;
  }
}
