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
  const state = useRef({ following: true, top: 0 });

  const set = (next: boolean): void => {
    state.current.following = next;
    setFollowing(next);
  };
  const toEnd = (): void => {
    if (frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  };
  const onScroll = (): void => {
    const element = frame.current;
    if (!element) return;
    const fromEnd = element.scrollHeight - element.scrollTop - element.clientHeight;
    // Growing content also moves the end away; only a reader moves the position up.
    if (fromEnd < NEAR_PX) set(true);
    else if (element.scrollTop < state.current.top - 1) set(false);
    state.current.top = element.scrollTop;
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => state.current.following && toEnd());
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
