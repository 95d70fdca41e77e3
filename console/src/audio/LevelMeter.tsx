/** Audio level as a bar. It follows the signal without a new render, and is hidden from screen readers. */
import { effect, type ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

const FLOOR_DB = -50;
const REDUCED_MOTION_MS = 400;

export function LevelMeter({ level, kind }: { level: ReadonlySignal<number>; kind: "input" | "output" }): VNode {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    let drawnAt = 0;
    return effect(() => {
      const share = levelFraction(level.value);
      const now = performance.now();
      if (reducedMotion.matches && share > 0 && now - drawnAt < REDUCED_MOTION_MS) return;
      drawnAt = now;
      bar.current?.style.setProperty("transform", `scaleX(${share.toFixed(3)})`);
    });
  }, [level]);
  return (
    <span class={`meter meter-${kind}`} aria-hidden="true">
      <span ref={bar} />
    </span>
  );
}

/** Map a peak to 0 to 1 on a scale of decibels, as people perceive it. */
export function levelFraction(peak: number): number {
  return peak <= 0 ? 0 : Math.max(0, Math.min(1, 1 - (20 * Math.log10(peak)) / FLOOR_DB));
}
