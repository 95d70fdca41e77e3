/** Typed client of the server's HTTP interface. */
import { pageOf, urlOf } from "../ui/page-address";

/** A tool; `parameters` is its JSON schema, or null. */
export interface ToolInfo {
  name: string;
  description: string | null;
  parameters: Record<string, unknown> | null;
}

export interface AgentInfo {
  name: string;
  handoff_description: string | null;
  /** Suggestions while this agent has the call; absent in an older server. */
  things_to_say?: string[];
  handoffs: string[];
  tools: string[];
  tool_details: ToolInfo[];
  /** Absent in an older server. */
  mcp_servers?: string[];
  guardrails: string[];
  /** Null if a function returns them. */
  instructions: string | null;
}

export interface ScenarioInfo {
  name: string;
  title: string;
  description: string;
  voice: string | null;
  /** False if nothing answers while no model is set; absent in an older server. */
  rehearsed?: boolean;
  things_to_say: string[];
  guardrails: string[];
  agents: AgentInfo[];
}

/** Parts of the local engine by their names; `model` is null if rehearsals answer. */
export interface EngineInfo {
  stt: string;
  tts: string | null;
  model: string | null;
  /** Sentences about better parts, with the step that selects them. */
  advice: string[];
}

export interface Health {
  status: string;
  version: string;
  provider: string;
  /** Parts of the local engine; absent with a hosted provider. */
  engine?: EngineInfo;
  /** "caller" if this page gets only a caller's part of the log, and no definitions of agents. */
  audience?: "caller" | "operator";
  /** True if the server restarts with each saved file (`--reload`). */
  reloads?: boolean;
  /** True if the browser has a sign-in cookie, which it can give up; false for a caller who could sign in. */
  signed_in?: boolean;
  /** True if the server stores calls, and this page may see them. */
  stores_calls?: boolean;
}

/** An error that the server had when it loaded a file. */
export interface LoadProblem {
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

/** Right of a page on a call: read its log, become its caller, or end it. */
export type Grant = "read" | "speak" | "end";

export interface JoinedCall {
  leg_id: string | null;
  role: "caller" | "viewer";
  grants: Grant[];
  transport: Transport;
  sdp?: string;
}

/** A refused request, with the server's status; 0 if the server could not be reached. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export const health = (): Promise<Health> => request("GET", "health");
export const scenarios = (): Promise<ScenarioInfo[]> => request("GET", "scenarios");
export const problems = (): Promise<LoadProblem[]> => request("GET", "problems");

/** Return the STUN and TURN servers for WebRTC. */
export async function iceServers(): Promise<RTCIceServer[]> {
  return (await request<{ ice_servers: RTCIceServer[] }>("GET", "ice-servers")).ice_servers;
}

/** Offer of an audio connection: SDP for WebRTC, a codec for the relay, and the reason for a fallback. */
export interface MediaOffer {
  transport: Transport;
  sdp?: string;
  codec?: string;
  reason?: string;
}

export function startCall(parameters: { scenario: string; agent?: string } & MediaOffer): Promise<NewCall> {
  return request("POST", "calls", parameters);
}

/** Join a call. `after` is the last event that this page has seen: another server that continues the call begins there. */
export function joinCall(
  callId: string,
  wanted: { leg_id?: string; take_over?: boolean } & MediaOffer,
  after: number,
): Promise<JoinedCall> {
  return request(
    "POST",
    `calls/${encodeURIComponent(callId)}/leg?${new URLSearchParams({ after: String(after) })}`,
    wanted,
  );
}

/** Hang up, also while the browser leaves the page. `leg` proves that this page is the caller. */
export function hangUp(callId: string, leg: string | null): Promise<void> {
  const query = leg === null ? "" : `?${new URLSearchParams({ leg })}`;
  return request("DELETE", `calls/${encodeURIComponent(callId)}${query}`, undefined, true);
}

/** Sign out and open the sign-in page, once pending requests, which need the cookie, are answered. */
export async function signOut(): Promise<void> {
  const deadline = Date.now() + PENDING_REQUESTS_TIMEOUT_MS;
  while (pendingRequests > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  // The server redirects to the sign-in page. The browser must open it, instead of this request.
  await fetch(urlOf("sign-out"), { method: "POST", redirect: "manual" });
  location.assign(urlOf("sign-in"));
}

/** Return the address of the sign-in page, which leads back to this page. */
export function signInUrl(): URL {
  const url = urlOf(`sign-in${location.search}`);
  const page = pageOf(location);
  if (page.name !== "live") url.searchParams.set("page", page.name === "calls" ? "calls" : `calls/${page.callId}`);
  return url;
}

/** Return the address of a call's socket. `leg` proves that this page is the caller. */
export function socketUrl(callId: string, after: number, leg: string): string {
  const url = urlOf(`api/calls/${encodeURIComponent(callId)}`);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams({ after: String(after), leg }).toString();
  return url.href;
}

/** Time for which signing out waits for pending requests. */
const PENDING_REQUESTS_TIMEOUT_MS = 3000;
let pendingRequests = 0;

export async function request<T>(method: string, path: string, body?: unknown, keepalive = false): Promise<T> {
  pendingRequests += 1;
  try {
    return await fetchJson<T>(method, path, body, keepalive);
  } finally {
    pendingRequests -= 1;
  }
}

async function fetchJson<T>(method: string, path: string, body: unknown, keepalive: boolean): Promise<T> {
  let response: Response;
  try {
    // With the page's path, the server can bind a call's cookie to the whole host (`__Host-`).
    const options: RequestInit = { method, keepalive, referrerPolicy: "same-origin" };
    if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers = { "content-type": "application/json" };
    }
    response = await fetch(urlOf(`api/${path}`), options);
  } catch {
    throw new ApiError("The server cannot be reached.", 0, "unreachable");
  }
  const text = await response.text();
  const answer = parseJson(text);
  if (response.ok) return answer as T;
  const refused = errorFrom(response.status, answer);
  if (refused.code === "token_needed") location.assign(signInUrl()); // the cookie has expired
  throw refused;
}

export function parseJson(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function errorFrom(status: number, answer: unknown): ApiError {
  const error = (answer as { error?: { message?: unknown; code?: unknown; allowed?: unknown } } | undefined)?.error;
  const message =
    typeof error?.message === "string"
      ? error.message
      : `The server answered with status ${status}. Try again, or look for the cause in its log.`;
  const allowed =
    Array.isArray(error?.allowed) && error.allowed.length > 0 ? ` Allowed: ${error.allowed.join(", ")}.` : "";
  return new ApiError(message + allowed, status, typeof error?.code === "string" ? error.code : "refused");
}
