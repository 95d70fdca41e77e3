/** Commands of the keys and buttons of a stored call's page. */
import { turnFrom } from "./moments";
import type { PlaybackCommand } from "./playback-keys";
import type { LoadedCall } from "./stored-call";

export function runCommand({ player, replay }: LoadedCall, command: PlaybackCommand, openNote: () => void): void {
  switch (command.type) {
    case "toggle":
      player.toggle();
      return;
    case "skip":
      player.skip(command.ms);
      return;
    case "seek":
      player.seek(command.ms);
      return;
    case "end":
      player.seek(player.durationMs);
      return;
    case "turn": {
      const ms = turnFrom(replay.whole, player.positionMs.peek() ?? -1, command.direction);
      if (ms !== null) player.seek(ms);
      return;
    }
    case "faster":
      player.changeSpeed(1);
      return;
    case "slower":
      player.changeSpeed(-1);
      return;
    case "skip-silence":
      player.skipSilence(!player.playhead.peek().skipsSilence);
      return;
    case "note":
      openNote();
      return;
    case "whole":
      player.showWhole();
      return;
    default:
      command satisfies never;
  }
}
