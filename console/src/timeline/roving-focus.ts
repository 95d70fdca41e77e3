/** Keys of a row of buttons that is one stop for Tab: arrows, Home and End move between the buttons. */

/** Move the focus among the buttons of an element, and make the focused one the stop for Tab. */
export function onRovingKey(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>("button")].toSorted(byPosition);
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  if (at === -1) return;
  const steps: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(buttons.length - 1, step))]?.focus();
}

/** The order in time, which buttons of several rows give in `data-at`. */
function byPosition(a: HTMLElement, b: HTMLElement): number {
  return Number(a.dataset.at) - Number(b.dataset.at);
}
