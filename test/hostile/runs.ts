/**
 * CI runs the same cases every time, so that a failure points to the change under test. FAST_CHECK_RUNS generates new ones, this many for
 * each property.
 */
const requested = process.env["FAST_CHECK_RUNS"];

export function runs(inCi: number): { numRuns: number; seed: number } {
  return requested === undefined ? { numRuns: inCi, seed: 20261124 } : { numRuns: Number(requested), seed: Date.now() };
}

export const timeout: number = Math.max(60_000, Number(requested ?? 0) * 500);
