/**
 * CI runs the same few cases every time, so that a failure points to the change under test. `FAST_CHECK_RUNS` runs new ones, this many of each
 * property, as `.github/workflows/properties.yml` does every night. `FAST_CHECK_SEED` repeats a run.
 */
const { FAST_CHECK_RUNS: requestedRuns, FAST_CHECK_SEED: requestedSeed } = process.env;
const seed = Number(requestedSeed ?? (requestedRuns === undefined ? 20261124 : Date.now()));

export function runs(inCi: number): { numRuns: number; seed: number } {
  return { numRuns: Number(requestedRuns ?? inCi), seed };
}

/** Milliseconds for a test whose runs take less than a second each. */
export const timeout: number = Math.max(60_000, Number(requestedRuns ?? 0) * 1000);
