/** A sound level as a bar. It follows the signal without drawing the page anew; a screen reader has no use for it. */
import { effect, type ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

const FLOOR_DB = -50;
const CALM_EVERY_MS = 400;

export function Meter({ level, kind }: { level: ReadonlySignal<number>; kind: "input" | "output" }): VNode {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let drawnAt = 0;
    return effect(() => {
      const share = shareOf(level.value);
      const now = performance.now();
      if (calm.matches && share > 0 && now - drawnAt < CALM_EVERY_MS) return;
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

/** 0 to 1 as ears hear it: even steps of decibels. */
function shareOf(peak: number): number {
  return peak <= 0 ? 0 : Math.max(0, Math.min(1, 1 - (20 * Math.log10(peak)) / FLOOR_DB));
}
