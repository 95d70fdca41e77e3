/** The server's HTTP interface, typed. */

/** A tool; `parameters` is its JSON schema, null where it has none. */
export interface ToolInfo {
  name: string;
  description: string | null;
  parameters: Record<string, unknown> | null;
}

export interface AgentInfo {
  name: string;
  handoff_description: string | null;
  handoffs: string[];
  tools: string[];
  tool_details: ToolInfo[];
  guardrails: string[];
  /** Null where a function makes them. */
  instructions: string | null;
}

export interface ScenarioInfo {
  name: string;
  title: string;
  description: string;
  voice: string | null;
  things_to_say: string[];
  guardrails: string[];
  agents: AgentInfo[];
}

export interface Health {
  status: string;
  version: string;
  provider: string;
  /** Whether this browser came in by a cookie, which it can give back. */
  signed_in?: boolean;
}

/** Something that could not be loaded. */
export interface Problem {
  message: string;
  file: string | null;
  line: number | null;
}

export type Transport = "webrtc" | "websocket";

export interface NewCall {
  call_id: string;
  leg_id: string;
  transport: Transport;
  sdp?: string;
}

export interface JoinedCall {
  leg_id: string | null;
  role: "caller" | "viewer";
  transport: Transport;
  sdp?: string;
}

/** The server said no, with the status it gave; 0 if it could not be reached. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export const health = (): Promise<Health> => ask("GET", "health");
export const scenarios = (): Promise<ScenarioInfo[]> => ask("GET", "scenarios");
export const problems = (): Promise<Problem[]> => ask("GET", "problems");

/** A way for the sound: an offer for WebRTC, a codec for the relay, and why it is this one if another was wanted. */
export interface Line {
  transport: Transport;
  sdp?: string;
  codec?: string;
  reason?: string;
}

export function startCall(wanted: { scenario: string; agent?: string } & Line): Promise<NewCall> {
  return ask("POST", "calls", wanted);
}

export function joinCall(callId: string, wanted: { leg_id?: string; take_over?: boolean } & Line): Promise<JoinedCall> {
  return ask("POST", `calls/${encodeURIComponent(callId)}/leg`, wanted);
}

/** Hangs up; also while the page is being left. */
export function hangUp(callId: string): Promise<void> {
  return ask("DELETE", `calls/${encodeURIComponent(callId)}`, undefined, true);
}

/** Gives the cookie back, and goes to where one signs in. What is under way needs it: to hang up, above all. */
export async function signOut(): Promise<void> {
  const deadline = Date.now() + LAST_ANSWERS_MS;
  while (underWay > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  // The answer leads to the sign-in page; it is the page that goes there, not this request.
  await fetch(new URL("sign-out", document.baseURI), { method: "POST", redirect: "manual" });
  location.assign(new URL("sign-in", document.baseURI));
}

/** The address of a call's socket. `leg` proves that this page is the caller. */
export function socketUrl(callId: string, after: number, leg: string): string {
  const url = new URL(`api/calls/${encodeURIComponent(callId)}`, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams({ after: String(after), leg }).toString();
  return url.href;
}

/** How long signing out waits for the answers to what was asked before. */
const LAST_ANSWERS_MS = 3000;
let underWay = 0;

async function ask<T>(method: string, path: string, body?: unknown, keepalive = false): Promise<T> {
  underWay += 1;
  try {
    return await answerTo<T>(method, path, body, keepalive);
  } finally {
    underWay -= 1;
  }
}

async function answerTo<T>(method: string, path: string, body: unknown, keepalive: boolean): Promise<T> {
  let response: Response;
  try {
    const options: RequestInit = { method, keepalive };
    if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers = { "content-type": "application/json" };
    }
    response = await fetch(new URL(`api/${path}`, document.baseURI), options);
  } catch {
    throw new ApiError("The server cannot be reached.", 0, "unreachable");
  }
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok) return answer as T;
  const refused = refusal(response.status, answer);
  if (refused.code === "token_needed") location.assign(new URL(`sign-in${location.search}`, document.baseURI)); // it has expired
  throw refused;
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status: number, answer: unknown): ApiError {
  const error = (answer as { error?: { message?: unknown; code?: unknown; allowed?: unknown } } | undefined)?.error;
  const message = typeof error?.message === "string" ? error.message : `The server answered with status ${status}.`;
  const allowed = Array.isArray(error?.allowed) && error.allowed.length > 0 ? ` Allowed: ${error.allowed.join(", ")}.` : "";
  return new ApiError(message + allowed, status, typeof error?.code === "string" ? error.code : "refused");
}
