/** How long sound takes from the audio thread to the loudspeaker. */

/**
 * Firefox on Linux must not be asked. It holds a lock of its audio thread while it asks PulseAudio, which may just be
 * waiting for that thread: then the page stands still for good. Seen there instead: 32 to 48 ms.
 */
const NOT_TO_BE_ASKED = /X11;.*Firefox\//;
const USUAL_MS = 40;
const MOST_MS = 500;

/** In ms; at most half a second, whatever the browser says. */
export function outputLatencyMs(context: Pick<AudioContext, "outputLatency" | "baseLatency">, userAgent = navigator.userAgent): number {
  if (NOT_TO_BE_ASKED.test(userAgent)) return USUAL_MS;
  const seconds = context.outputLatency || context.baseLatency || 0;
  return Math.min(MOST_MS, seconds * 1000);
}
