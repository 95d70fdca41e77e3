/** Menus of the player: downloads, keys, and the address of the present moment. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { copyToClipboard } from "../ui/export";
import { Icon, type IconName } from "../ui/icons";
import { audioUrl, type CallSummary, exportUrl } from "./calls-api";
import { addressOfMoment } from "./moments";
import { KEYS } from "./playback-keys";
import type { Player } from "./player";

const FEEDBACK_MS = 1600;

interface MenuProps {
  icon: IconName;
  label: string;
  /** True to show the icon alone. */
  short?: boolean;
  children: ComponentChildren;
}

function Menu({ icon, label, short = false, children }: MenuProps): VNode {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const closeOutside = ({ target }: Event): void => {
      if (menu.current?.open && target instanceof Node && !menu.current.contains(target)) menu.current.open = false;
    };
    document.addEventListener("pointerdown", closeOutside);
    return () => document.removeEventListener("pointerdown", closeOutside);
  }, []);
  return (
    <details
      class="menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !menu.current?.open) return;
        event.preventDefault();
        menu.current.open = false;
        menu.current.querySelector("summary")?.focus();
      }}
    >
      <summary class="button button-small" title={label} aria-label={label}>
        <Icon name={icon} />
        {!short && <span class="player-label">{label}</span>}
      </summary>
      <div class="menu-panel">{children}</div>
    </details>
  );
}

export function DownloadMenu({ summary }: { summary: CallSummary }): VNode {
  return (
    <Menu icon="download" label="Download">
      {summary.audio && (
        <>
          <a href={audioUrl(summary.call_id, "ogg")} download={`${summary.call_id}.ogg`}>
            Audio, Ogg <span class="muted">small: the caller left, the agent right</span>
          </a>
          <a href={audioUrl(summary.call_id, "wav")} download={`${summary.call_id}.wav`}>
            Audio, WAV <span class="muted">uncompressed</span>
          </a>
        </>
      )}
      <a href={exportUrl(summary.call_id)} download={`${summary.call_id}.trunkline`}>
        Whole call <span class="muted">one file that another server imports</span>
      </a>
    </Menu>
  );
}

export function KeysMenu(): VNode {
  return (
    <Menu icon="keys" label="Keys" short>
      <dl class="keys-list">
        {KEYS.map(({ keys, action }) => (
          <div key={keys}>
            <dt>{keys}</dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
    </Menu>
  );
}

export function LinkButton({ player }: { player: Player }): VNode {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    copied.value = await copyToClipboard(addressOfMoment(location.href, player.positionMs.peek() ?? 0));
    setTimeout(() => (copied.value = false), FEEDBACK_MS);
  };
  return (
    <button
      type="button"
      class="button button-small"
      aria-label="Copy link"
      title="Copy the address of this moment"
      onClick={() => void copy()}
    >
      <Icon name={copied.value ? "done" : "link"} />
      <span class="player-label">{copied.value ? "Copied!" : "Copy link"}</span>
      <output class="visually-hidden">{copied.value ? "Copied!" : ""}</output>
    </button>
  );
}
