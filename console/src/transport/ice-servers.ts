/** The server's STUN and TURN servers, loaded with the page so that an offer need not wait for them. */
import * as api from "./api";

/** TURN credentials may expire, so an older answer is loaded again. */
const MAX_AGE_MS = 3_600_000;

let loaded: { at: number; servers: Promise<RTCIceServer[]> } | null = null;

/** Return the servers; none if an older server lacks the route or the request fails, until the next call. */
export function iceServers(): Promise<RTCIceServer[]> {
  if (loaded === null || performance.now() - loaded.at > MAX_AGE_MS) {
    const servers = api.iceServers().catch(() => {
      loaded = null;
      return [];
    });
    loaded = { at: performance.now(), servers };
  }
  return loaded.servers;
}
