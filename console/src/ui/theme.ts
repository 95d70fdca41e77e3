/** Theme of the page: light, dark or the system's, stored in the browser. */
import { type ReadonlySignal, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "trunkline.theme";
const ORDER: readonly Theme[] = ["system", "light", "dark"];
const chosen = signal<Theme>("system");

export const theme: ReadonlySignal<Theme> = chosen;

export function applyStoredTheme(): void {
  try {
    const stored = localStorage.getItem(KEY);
    if (stored === "light" || stored === "dark") apply(stored);
  } catch {
    // Without storage the page uses the system's theme.
  }
}

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(chosen.peek()) + 1) % ORDER.length] ?? "system";
  apply(next);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Then the theme lasts until the page is closed.
  }
}

function apply(next: Theme): void {
  chosen.value = next;
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}
