/** For tests of what time changes: only `Date` is fake, and advances only when the test advances it. Timers stay real, because HTTP needs them. */
const realTimers = [
  "hrtime",
  "nextTick",
  "performance",
  "queueMicrotask",
  "setImmediate",
  "clearImmediate",
  "setInterval",
  "clearInterval",
  "setTimeout",
  "clearTimeout",
] as const;

/** Stops the clock before each test. */
export function useFakeClock(now?: string): void {
  beforeEach(() => {
    jest.useFakeTimers({ now: now === undefined ? Date.now() : Date.parse(now), doNotFake: [...realTimers] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
}

export function advanceClock(milliseconds: number): void {
  jest.setSystemTime(Date.now() + milliseconds);
}
