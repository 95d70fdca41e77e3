/** Button that scrolls to the newest entry of a list. */
import type { VNode } from "preact";
import { Icon } from "./icons";

export function JumpButton({ onClick }: { onClick: () => void }): VNode {
  return (
    <button type="button" class="button button-small jump" onClick={onClick}>
      <Icon name="down" />
      Jump to latest
    </button>
  );
}
