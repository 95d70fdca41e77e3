/** Output latency: the time from the audio thread to the speaker. */

/**
 * Browsers that may hang on the query. Firefox on Linux holds a lock of its audio thread while it queries PulseAudio,
 * which may wait for that thread: then the page hangs forever. Measured there: 32 to 48 ms.
 */
const HANGS_ON_QUERY = /X11;.*Firefox\//;
const DEFAULT_MS = 40;
const MAX_MS = 500;

/** Return the latency in ms, at most half a second. */
export function outputLatencyMs(
  context: Pick<AudioContext, "outputLatency" | "baseLatency">,
  userAgent = navigator.userAgent,
): number {
  if (HANGS_ON_QUERY.test(userAgent)) return DEFAULT_MS;
  const seconds = context.outputLatency || context.baseLatency || 0;
  return Math.min(MAX_MS, seconds * 1000);
}
