import { setTimeout as sleep } from "node:timers/promises";

/** Waits until a condition is met. Throws after about 20 seconds, because a test that waits forever would keep jest from ending. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  for (let count = 0; count < 2000; count += 1) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`The condition was not met: ${condition}`);
}
