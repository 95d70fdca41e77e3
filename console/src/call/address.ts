/** Options in the page's address, and the call's id in it: a reload returns to the same call. */
import type { Transport } from "../transport/api";

/** Audio codecs that the reader can choose: Opus, or the codecs of telephone lines. */
export type CodecName = "opus" | "pcmu" | "pcma";

export const CODECS = ["opus", "pcmu", "pcma"] as const satisfies readonly CodecName[];
export const TRANSPORTS = ["auto", "webrtc", "websocket"] as const;

export interface AddressOptions {
  /** `?agentConfig=`, or `?scenario=`. */
  scenario: string | null;
  agent: string | null;
  transport: "auto" | Transport | null;
  codec: CodecName | null;
  call: string | null;
  /** Sentences about values that the console does not support. */
  problems: string[];
  /** False with `?connect=0`: the call starts with the button. */
  autoConnect: boolean;
}

export function parseAddress(search: string): AddressOptions {
  const parameters = new URLSearchParams(search);
  const problems: string[] = [];
  const oneOf = <Name extends string>(name: string, names: readonly Name[]): Name | null => {
    const value = parameters.get(name)?.toLowerCase();
    const known = names.find((one) => one === value);
    if (value && known === undefined)
      problems.push(`The address has the unknown ${name} “${value}”. Use one of: ${names.join(", ")}.`);
    return known ?? null;
  };
  return {
    scenario: parameters.get("agentConfig") || parameters.get("scenario") || null,
    agent: parameters.get("agent") || null,
    transport: oneOf("transport", TRANSPORTS),
    codec: oneOf("codec", CODECS),
    call: parameters.get("call") || null,
    problems,
    autoConnect: parameters.get("connect") !== "0",
  };
}

/** Return the address parameters for a scenario and agent; `agent` is null for the scenario's first agent. */
export function scenarioParameters(scenario: string, agent: string | null): Record<string, string | null> {
  return { agentConfig: scenario, scenario: null, agent };
}

/** Apply changes to the search part of an address and keep its other parameters; null removes a parameter. */
export function updateSearch(search: string, changes: Record<string, string | null>): string {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return params.size > 0 ? `?${params}` : "";
}

/** Change parameters of the page's address. Its hash names an event of the call, so another call drops it. */
export function rewriteAddress(changes: Record<string, string | null>): void {
  const { pathname, search, hash } = location;
  const isSameCall = changes.call === undefined || changes.call === new URLSearchParams(search).get("call");
  history.replaceState(history.state, "", pathname + updateSearch(search, changes) + (isSameCall ? hash : ""));
}

/** Store the leg's id for the tab's lifetime: it proves that the same tab returns to the call. */
export function rememberLeg(callId: string, legId: string): void {
  try {
    sessionStorage.setItem(`trunkline.leg.${callId}`, legId);
  } catch {
    // Storage may be disabled; then a reload returns as a viewer.
  }
}

export function recallLeg(callId: string): string | null {
  try {
    return sessionStorage.getItem(`trunkline.leg.${callId}`);
  } catch {
    return null;
  }
}
