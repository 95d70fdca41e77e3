/** A request that starts or joins a call, with the offer of a new leg. It can be cancelled at every step. */
import * as api from "../transport/api";
import type { WebRtcLeg } from "../transport/webrtc";
import { recallLeg } from "./address";
import type { CallRequest, Input } from "./connection-state";
import * as preferences from "./preferences";
import { lockLeg } from "./tab-lock";

interface LegRequest {
  request: CallRequest;
  /** The WebRTC leg to offer; null for the relay. */
  leg: WebRtcLeg | null;
  relayReason: string | null;
  /** The number of the last event that this page has seen. */
  after: number;
  /** Cancels the request: nothing is reported afterwards, and a call that it has started is hung up. */
  signal: AbortSignal;
}

type Outcome = Extract<Input, { type: "started" | "joined" | "request-failed" }>;

/** Send the request, and return its outcome; null if it was cancelled. */
export async function requestLeg({ request, leg, relayReason, after, signal }: LegRequest): Promise<Outcome | null> {
  try {
    // Locking first: a duplicated tab knows the leg's id too.
    const legId = request.type === "join" ? await lockOwnLeg(request.callId) : null;
    if (signal.aborted) return null;
    const offer = await offerOf(leg, relayReason);
    if (signal.aborted) return null;
    return request.type === "start"
      ? await start(request, offer, leg, signal)
      : await join(request, legId, offer, leg, after, signal);
  } catch (error) {
    if (signal.aborted) return null;
    return {
      type: "request-failed",
      status: error instanceof api.ApiError ? error.status : 0,
      message: error instanceof Error ? error.message : String(error),
    };
  }
}

async function start(
  { scenario, agent }: CallRequest & { type: "start" },
  offer: api.MediaOffer,
  leg: WebRtcLeg | null,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const call = await api.startCall({ scenario, ...offer, ...(agent !== null && { agent }) });
  if (!signal.aborted && call.sdp !== undefined) await leg?.answer(call.sdp);
  if (!signal.aborted) return { type: "started", callId: call.call_id, legId: call.leg_id };
  void api.hangUp(call.call_id, call.leg_id).catch(() => undefined);
  return null;
}

async function join(
  { callId, takeOver }: CallRequest & { type: "join" },
  legId: string | null,
  offer: api.MediaOffer,
  leg: WebRtcLeg | null,
  after: number,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const wanted = { ...offer, ...(legId !== null && { leg_id: legId }), ...(takeOver && { take_over: true }) };
  const joined = await api.joinCall(callId, wanted, after);
  if (!signal.aborted && joined.sdp !== undefined) await leg?.answer(joined.sdp);
  if (signal.aborted) return null;
  return { type: "joined", legId: joined.leg_id, mayTakeOver: joined.grants.includes("speak") };
}

async function offerOf(leg: WebRtcLeg | null, relayReason: string | null): Promise<api.MediaOffer> {
  if (leg !== null) return { transport: "webrtc", sdp: await leg.offer() };
  // On the relay, page and server always exchange PCM16; the codec is the server's towards the model.
  const codec = preferences.codec.peek();
  return {
    transport: "websocket",
    codec: codec === "opus" ? "pcm16" : codec,
    ...(relayReason !== null && { reason: relayReason }),
  };
}

/** Return the leg id that proves that this page is the caller; null if another tab is, or none. */
async function lockOwnLeg(callId: string): Promise<string | null> {
  const legId = recallLeg(callId);
  return legId !== null && (await lockLeg(legId)) ? legId : null;
}
