/** Hook that keeps the playhead's entry of a list in view until the reader scrolls. */
import type { RefObject } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { PlaybackContext } from "../timeline/playback";

interface Follow {
  following: boolean;
  /** Follow the playhead again. */
  resume: () => void;
}

/**
 * @param now the entry at the playhead; null without one.
 * @param show scrolls to an entry.
 * @param container the scrolling element.
 */
export function useFollow(
  now: number | null,
  show: (now: number) => void,
  container: RefObject<HTMLElement | null>,
): Follow {
  const [following, setFollowing] = useState(true);
  const playback = useContext(PlaybackContext);
  const seeks = playback?.seeks.value ?? 0;
  const seeksBefore = useRef(seeks);
  const followsNow = following || seeks !== seeksBefore.current;
  useEffect(() => {
    seeksBefore.current = seeks;
    setFollowing(true);
  }, [seeks]);
  useEffect(() => {
    if (now !== null && followsNow) show(now);
  }, [now, seeks]);
  useEffect(() => {
    const element = container.current;
    if (element === null || playback === null) return undefined;
    const stop = (): void => setFollowing(false);
    element.addEventListener("wheel", stop, { passive: true });
    element.addEventListener("touchmove", stop, { passive: true });
    return () => {
      element.removeEventListener("wheel", stop);
      element.removeEventListener("touchmove", stop);
    };
  }, []);
  const resume = (): void => {
    setFollowing(true);
    if (now !== null) show(now);
  };
  return { following: followsNow, resume };
}
