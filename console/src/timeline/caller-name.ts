/** Name of the caller on a page: "You" during a live call, "Caller" for the readers of a stored one. */
import { useContext } from "preact/hooks";
import { PlaybackContext } from "./playback";

export type CallerName = "You" | "Caller";

export function useCallerName(): CallerName {
  return useContext(PlaybackContext) === null ? "You" : "Caller";
}
