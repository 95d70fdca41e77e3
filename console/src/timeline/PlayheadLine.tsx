/** Line of the playhead on the timeline, which scrolls with it. */
import { useSignalEffect } from "@preact/signals";
import type { RefObject, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Playback } from "./playback";
import type { TimeScale } from "./time-scale";

interface PlayheadLineProps {
  playback: Playback;
  scale: TimeScale;
  /** The element that scrolls the timeline. */
  view: RefObject<HTMLDivElement | null>;
}

export function PlayheadLine({ playback, scale, view }: PlayheadLineProps): VNode {
  const line = useRef<HTMLDivElement>(null);
  const place = useRef<(ms: number | null) => void>(() => undefined);
  place.current = (ms) => {
    if (line.current === null) return;
    line.current.hidden = ms === null;
    if (ms === null) return;
    const x = scale.x(ms);
    line.current.style.transform = `translateX(${x.toFixed(1)}px)`;
    const element = view.current;
    if (element && (x < element.scrollLeft || x > element.scrollLeft + element.clientWidth - 24))
      element.scrollLeft = x - element.clientWidth / 3;
  };
  useLayoutEffect(() => place.current(playback.positionMs.peek()), [scale]);
  // Not by rendering: the line moves with each animation frame.
  useSignalEffect(() => place.current(playback.positionMs.value));
  return <div class="voices-playhead" ref={line} aria-hidden="true" hidden />;
}
