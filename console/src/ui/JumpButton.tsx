/** Button that scrolls to the newest entry of a list, or to the playhead. */
import type { VNode } from "preact";
import { Icon } from "./icons";

interface JumpButtonProps {
  onClick: () => void;
  label?: string;
}

export function JumpButton({ onClick, label = "Jump to latest" }: JumpButtonProps): VNode {
  return (
    <button type="button" class="button button-small jump" onClick={onClick}>
      <Icon name="down" />
      {label}
    </button>
  );
}
