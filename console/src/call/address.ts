/** What the page's address asks for, and the call's id in it: a reload comes back to the same call. */
import type { Transport } from "../transport/api";

/** How the sound is coded where it can be chosen: as on the Internet, or as on a telephone line. */
export type CodecName = "opus" | "pcmu" | "pcma";

export const CODECS = ["opus", "pcmu", "pcma"] as const satisfies readonly CodecName[];
export const TRANSPORTS = ["auto", "webrtc", "websocket"] as const;

export interface Wishes {
  /** `?agentConfig=`, or `?scenario=`. */
  scenario: string | null;
  agent: string | null;
  transport: "auto" | Transport | null;
  codec: CodecName | null;
  call: string | null;
  /** What it asks for and cannot have, as sentences. */
  problems: string[];
  /** False with `?connect=0`: wait for the button. */
  connects: boolean;
}

export function readWishes(search: string): Wishes {
  const given = new URLSearchParams(search);
  const problems: string[] = [];
  const oneOf = <Name extends string>(name: string, names: readonly Name[]): Name | null => {
    const value = given.get(name)?.toLowerCase();
    const known = names.find((one) => one === value);
    if (value && known === undefined) problems.push(`The address asks for the ${name} “${value}”; there are: ${names.join(", ")}.`);
    return known ?? null;
  };
  return {
    scenario: given.get("agentConfig") || given.get("scenario") || null,
    agent: given.get("agent") || null,
    transport: oneOf("transport", TRANSPORTS),
    codec: oneOf("codec", CODECS),
    call: given.get("call") || null,
    problems,
    connects: given.get("connect") !== "0",
  };
}

/** What of the address says who is talked to; `agent` is null for the scenario's first. */
export function choice(scenario: string, agent: string | null): Record<string, string | null> {
  return { agentConfig: scenario, scenario: null, agent };
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
