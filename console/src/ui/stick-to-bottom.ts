/** Keeps a scrolled list at its newest entry, until the reader scrolls up. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const NEAR_PX = 32;

export interface Follow {
  /** The element that scrolls. */
  frame: { current: HTMLDivElement | null };
  /** The element that grows inside it. */
  content: { current: HTMLDivElement | null };
  following: boolean;
  onScroll: () => void;
  jump: () => void;
}

export function useFollow(): Follow {
  const frame = useRef<HTMLDivElement | null>(null);
  const content = useRef<HTMLDivElement | null>(null);
  const [following, setFollowing] = useState(true);
  const state = useRef({ following: true, place: { top: 0, height: 0, whole: 0 } });

  const set = (next: boolean): void => {
    state.current.following = next;
    setFollowing(next);
  };
  const toEnd = (): void => {
    if (frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  };
  const onScroll = (): void => {
    const element = frame.current;
    if (!element || element.clientHeight === 0) return; // a tab that is not shown
    const place = placeOf(element);
    const before = state.current.place;
    state.current.place = place;
    if (place.whole - place.top - place.height < NEAR_PX) set(true);
    else if (isReaders(before, place)) set(false);
    else if (state.current.following) toEnd();
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      const element = frame.current;
      if (!element) return;
      if (state.current.following) toEnd();
      state.current.place = placeOf(element);
    });
    if (frame.current) observer.observe(frame.current);
    if (content.current) observer.observe(content.current);
    return () => observer.disconnect();
  }, []);
  const jump = (): void => {
    set(true);
    toEnd();
  };
  return { frame, content, following, onScroll, jump };
}

interface Place {
  top: number;
  height: number;
  whole: number;
}

function placeOf({ scrollTop, clientHeight, scrollHeight }: HTMLElement): Place {
  return { top: scrollTop, height: clientHeight, whole: scrollHeight };
}

/**
 * Whether somebody scrolled up. Content that grows moves the end away, and the position stays; a pane that grows, or
 * content that shrinks, takes the position up with it.
 */
function isReaders(before: Place, now: Place): boolean {
  return now.top < before.top - 1 && now.height <= before.height && now.whole >= before.whole;
}
