/** Lock on a leg's id: a duplicated tab has a copy of the id, but only one page may be the caller with it. */

/** Time for a reloading page to release its lock. */
const LOCK_TIMEOUT_MS = 600;

const lockedLegs = new Set<string>();

/**
 * Lock the leg for this page until it is closed, and return whether that succeeded. Browsers have locks only on HTTPS
 * and localhost; elsewhere every page that knows the id may use it.
 */
export async function lockLeg(legId: string): Promise<boolean> {
  if (lockedLegs.has(legId) || navigator.locks === undefined) return true;
  return new Promise((resolve) => {
    const keep = (): Promise<never> => {
      lockedLegs.add(legId);
      resolve(true);
      return new Promise(() => undefined);
    };
    navigator.locks
      .request(`trunkline.leg.${legId}`, { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) }, keep)
      .catch(() => resolve(false));
  });
}
