/** Which page may use a leg: a tab that is duplicated has a copy of its id, and only one may be the caller with it. */

/** How long the page that is being reloaded may take to let go. */
const PATIENCE_MS = 600;

const held = new Set<string>();

/**
 * Whether this page is the one that uses the leg, from now until it is closed. Where the browser has no locks (they need
 * HTTPS or localhost), every page that knows the leg may.
 */
export async function claimLeg(legId: string): Promise<boolean> {
  if (held.has(legId) || navigator.locks === undefined) return true;
  return new Promise((resolve) => {
    const keep = (): Promise<never> => {
      held.add(legId);
      resolve(true);
      return new Promise(() => undefined);
    };
    navigator.locks.request(`trunkline.leg.${legId}`, { signal: AbortSignal.timeout(PATIENCE_MS) }, keep).catch(() => resolve(false));
  });
}
