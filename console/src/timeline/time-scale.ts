/** Horizontal scale of the timeline: the whole call fits at first, and a long call scrolls. */

export interface TimeScale {
  /** Width of the whole call in px. */
  width: number;
  /** Return the distance in px of a time in ms from the call's start. */
  x(ms: number): number;
  /** Return the time in ms at a distance in px. */
  ms(x: number): number;
  /** Times of the axis's labels in ms. */
  ticks: readonly number[];
}

const MIN_PX_PER_SECOND = 8;
const MIN_TICK_PX = 72;
const MIN_DOMAIN_S = 15;
/** Steps in which the scale grows, so that it does not move with each event; also the distances between labels, in s. */
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600];

/**
 * Return the scale for a call of this duration in a view of this width.
 *
 * @param ended true if the call does not grow any more: then it takes the whole width.
 */
export function timeScale(durationMs: number, viewPx: number, ended: boolean): TimeScale {
  const seconds = durationMs / 1000;
  const grown = ended ? Math.max(1, seconds) : roundedUp(seconds);
  const pxPerSecond = Math.max(MIN_PX_PER_SECOND, viewPx / grown);
  const width = Math.max(viewPx, Math.ceil(Math.min(grown, ended ? grown : seconds + 5) * pxPerSecond));
  const step = STEPS_S.find((one) => one * pxPerSecond >= MIN_TICK_PX) ?? 600;
  const ticks: number[] = [];
  for (let tick = 0; tick * pxPerSecond <= width - MIN_TICK_PX / 2; tick += step) ticks.push(1000 * tick);
  return {
    width,
    x: (ms) => (ms / 1000) * pxPerSecond,
    ms: (x) => (1000 * x) / pxPerSecond,
    ticks,
  };
}

function roundedUp(seconds: number): number {
  let grown = MIN_DOMAIN_S;
  while (grown < seconds) grown *= 2;
  return grown;
}
