import { setTimeout as sleep } from "node:timers/promises";

/** Requests at once before anything is known about the server. A busy authentik creates hardly more with four, and leaves room for logins. */
const initialLimit = 2;

/** Requests that may wait in the server's queue: with fewer, the limit grows; with more, it shrinks. */
const minQueued = 1;
const maxQueued = 2;

/** Milliseconds by which response times may exceed the shortest one without any sign of a queue: no login notices, and a busy client adds as much. */
const tolerance = 50;

const smoothing = 0.3;

/** Milliseconds between two requests after the first rejection, and at most. */
const firstInterval = 50;
const maxInterval = 5000;

interface Latency {
  /** The shortest response time, which stands for a server without a queue. */
  shortest: number;
  average: number;
}

export type Outcome =
  | { readonly isRejected: false }
  | { readonly isRejected: true; readonly retryAfter?: number | undefined };

/**
 * Limits the requests that one process sends to a server at once. TCP Vegas (Brakmo and Peterson, 1995), as Netflix's concurrency-limits applies it to
 * requests: the limit grows while response times stay near the shortest one, and shrinks when they show that requests wait in the server's queue.
 * After a rejection (429, 503, a timeout), it is halved and the requests are spaced out, as in AIMD.
 */
export class ConcurrencyLimiter {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  readonly #latencies = new Map<string, Latency>();
  #limit = initialLimit;
  #active = 0;
  /** Milliseconds between the starts of two requests. Zero until the server rejects one. */
  #interval = 0;
  #nextStart = 0;
  #lastRejection = 0;
  #completions = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Runs a request when it is its turn. When `signal` is aborted, it does not wait for the interval. `kind` groups requests whose response times are
   * comparable. `describe` says what an error means for the load.
   */
  async run<T>(
    kind: string,
    request: () => Promise<T>,
    describe: (error: unknown) => Outcome,
    signal?: AbortSignal,
  ): Promise<T> {
    await this.#acquire(signal);
    const start = performance.now();
    try {
      const result = await request();
      this.#succeed(kind, performance.now() - start);
      return result;
    } catch (error) {
      const outcome = describe(error);
      if (outcome.isRejected) this.#reject(start, outcome.retryAfter);
      throw error;
    } finally {
      this.#active -= 1;
      this.#startWaiting();
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<void> {
    if (this.#active >= this.limit || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#active += 1;
    }
    if (signal?.aborted) return;
    const now = performance.now();
    const wait = this.#nextStart - now;
    // Jitter keeps several processes from sending at the same moments.
    this.#nextStart = Math.max(this.#nextStart, now) + this.#interval * (0.75 + Math.random() / 2);
    if (wait > 0) await sleepUntilAborted(wait, signal);
  }

  #startWaiting(): void {
    while (this.#active < this.limit) {
      const start = this.#waiting.shift();
      if (start === undefined) return;
      this.#active += 1;
      start();
    }
  }

  #succeed(kind: string, latency: number): void {
    const known = this.#latencies.get(kind);
    const shortest = Math.min(known?.shortest ?? latency, latency);
    const average = known === undefined ? latency : known.average + smoothing * (latency - known.average);
    this.#latencies.set(kind, { shortest, average });
    this.#interval = this.#interval < 1 ? 0 : this.#interval * 0.95;
    const queued = average - shortest < tolerance ? 0 : this.#limit * (1 - shortest / average);
    // What is not used says nothing about a higher limit.
    if (queued < minQueued && this.#active >= this.limit) this.#limit = Math.min(this.#max, this.#limit + 1);
    this.#completions += 1;
    // Each request of a round sees the same queue, so it shrinks once.
    if (queued > maxQueued && this.#completions >= this.#limit) {
      this.#completions = 0;
      this.#limit = Math.max(initialLimit, this.#limit - 1);
    }
  }

  #reject(start: number, retryAfter: number | undefined): void {
    const now = performance.now();
    if (retryAfter !== undefined) this.#nextStart = Math.max(this.#nextStart, now + retryAfter);
    // Requests that were on their way at the same time are rejected for the same reason.
    if (start < this.#lastRejection) return;
    this.#lastRejection = now;
    this.#limit = Math.max(1, this.#limit / 2);
    this.#interval = Math.min(maxInterval, Math.max(firstInterval, this.#interval * 1.5));
    this.#nextStart = Math.max(this.#nextStart, now + this.#interval);
  }
}

export async function sleepUntilAborted(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal && { signal }).catch(() => undefined);
}
