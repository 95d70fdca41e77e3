/** Hook that keeps a scrolled list at its newest entry until the reader scrolls up. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const BOTTOM_THRESHOLD_PX = 32;

export interface StickToBottom {
  /** The scrolling element. */
  container: { current: HTMLDivElement | null };
  /** The growing element inside it. */
  content: { current: HTMLDivElement | null };
  sticking: boolean;
  onScroll: () => void;
  jump: () => void;
  /** Stay at the present position until the reader scrolls, also at the end of the list. */
  stay: () => void;
}

/** @param follows false for a list that starts at its first entry. */
export function useStickToBottom(follows = true): StickToBottom {
  const frame = useRef<HTMLDivElement | null>(null);
  const content = useRef<HTMLDivElement | null>(null);
  const [following, setFollowing] = useState(follows);
  const state = useRef({
    following: follows,
    position: { top: 0, height: 0, contentHeight: 0 },
    /** The position to stay at. */
    pinned: null as number | null,
  });

  const set = (next: boolean): void => {
    state.current.following = next;
    setFollowing(next);
  };
  const scrollToBottom = (): void => {
    if (frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  };
  const onScroll = (): void => {
    const element = frame.current;
    if (!element || element.clientHeight === 0) return; // in a hidden tab
    const position = scrollPositionOf(element);
    const previous = state.current.position;
    state.current.position = position;
    if (position.top === state.current.pinned) return;
    state.current.pinned = null;
    if (position.contentHeight - position.top - position.height < BOTTOM_THRESHOLD_PX) set(true);
    else if (hasScrolledUp(previous, position)) set(false);
    else if (state.current.following) scrollToBottom();
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      const element = frame.current;
      if (!element) return;
      if (state.current.following) scrollToBottom();
      state.current.position = scrollPositionOf(element);
    });
    if (frame.current) observer.observe(frame.current);
    if (content.current) observer.observe(content.current);
    return () => observer.disconnect();
  }, []);
  const stay = (): void => {
    set(false);
    state.current.pinned = frame.current?.scrollTop ?? null;
  };
  const jump = (): void => {
    state.current.pinned = null;
    set(true);
    scrollToBottom();
  };
  return { container: frame, content, sticking: following, onScroll, jump, stay };
}

interface ScrollPosition {
  top: number;
  height: number;
  contentHeight: number;
}

function scrollPositionOf({ scrollTop, clientHeight, scrollHeight }: HTMLElement): ScrollPosition {
  return { top: scrollTop, height: clientHeight, contentHeight: scrollHeight };
}

/**
 * Return whether the reader scrolled up. Growing content keeps the position; a growing pane or shrinking content moves
 * it up without the reader.
 */
function hasScrolledUp(before: ScrollPosition, now: ScrollPosition): boolean {
  return now.top < before.top - 1 && now.height <= before.height && now.contentHeight >= before.contentHeight;
}
