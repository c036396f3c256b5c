/** The shortest time of several runs, in milliseconds: other load on the machine makes only some of them longer. */
export async function timeOf(run: () => unknown): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 5; count += 1) {
    const start = performance.now();
    await run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest;
}
