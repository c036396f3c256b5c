import { InvitationBatch } from "pulumi-authentik-invitations/provider";
import { ConcurrencyLimiter } from "../../provider/authentik/concurrency";
import { Authentik } from "../../sandbox";
import { batchInputs } from "./support/batch";
import { unwrapSecrets } from "./support/secrets";
import { closeServers, forward, startServer } from "./support/server";

afterEach(closeServers);

/**
 * Sends requests through the limiter to a server with a number of workers, each of which takes `work` milliseconds for a request. All time is fake, so
 * that other load on the machine does not look like a busy server.
 */
async function simulate(workers: number, work: number, count: number): Promise<{ limit: number; most: number }> {
  const limiter = new ConcurrencyLimiter(64);
  const queue: (() => void)[] = [];
  let idle = workers;
  let active = 0;
  let most = 0;
  const serve = async (): Promise<void> => {
    active += 1;
    most = Math.max(most, active);
    if (idle > 0) idle -= 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
    await new Promise((resolve) => setTimeout(resolve, work));
    const next = queue.shift();
    if (next) next();
    else idle += 1;
    active -= 1;
  };
  jest.useFakeTimers();
  try {
    const requests = Array.from({ length: count }, () => limiter.run("POST", serve, () => ({ isRejected: false })));
    await jest.runAllTimersAsync();
    await Promise.all(requests);
  } finally {
    jest.useRealTimers();
  }
  return { limit: limiter.limit, most };
}

test("a server without a queue gets as many requests at once as allowed", async () => {
  const { limit } = await simulate(1000, 20, 800);
  expect(limit).toBe(64);
});

test("a server with two workers gets few requests at once", async () => {
  const { limit, most } = await simulate(2, 100, 80);
  expect(limit).toBeGreaterThanOrEqual(2);
  expect(limit).toBeLessThanOrEqual(6);
  expect(most).toBeLessThanOrEqual(8);
});

test("a rejection halves the limit, once for all requests on their way, and delays the next one by Retry-After", async () => {
  const limiter = new ConcurrencyLimiter(64);
  const succeed = (): Promise<unknown> =>
    limiter.run(
      "GET",
      async () => undefined,
      () => ({ isRejected: false }),
    );
  const reject = (): Promise<unknown> =>
    limiter.run(
      "GET",
      () => Promise.reject(new Error("429")),
      () => ({ isRejected: true, retryAfter: 300 }),
    );
  await Promise.all(Array.from({ length: 64 }, succeed));
  const before = limiter.limit;
  const start = performance.now();
  await Promise.allSettled([reject(), reject()]);
  expect(limiter.limit).toBe(Math.floor(before / 2));
  await succeed();
  expect(performance.now() - start).toBeGreaterThan(290);
});

interface Gateway {
  readonly url: string;
  readonly counts: { readonly rejected: number; readonly rejectedPosts: number; readonly lookups: number };
}

/**
 * Starts a gateway that lets a request through every 12 ms, and rejects the others with this status. It rejects the second POST in any case, because
 * requests may come later on a busy machine.
 */
async function startGateway(authentik: Authentik, status: number, contentType: string): Promise<Gateway> {
  const counts = { rejected: 0, rejectedPosts: 0, lookups: 0 };
  let posts = 0;
  let passedAt = 0;
  const { url } = await startServer(async (request, response) => {
    const isPost = request.method === "POST";
    if (isPost) posts += 1;
    if (performance.now() - passedAt < 12 || (isPost && posts === 2)) {
      counts.rejected += 1;
      if (isPost) counts.rejectedPosts += 1;
      response.writeHead(status, { "content-type": contentType }).end("<html></html>");
      return;
    }
    passedAt = performance.now();
    if (request.path.startsWith("/api/v3/events/")) counts.lookups += 1;
    await forward(request, response, authentik.url);
  });
  return { url, counts };
}

test("a batch behind a gateway that limits the rate, with 503 or 429, is created completely, and nothing twice", async () => {
  const count = 20;
  const invitations = Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, {}]));
  const cases = await Promise.all(
    [["busy", 503, "text/html"] as const, ["limited", 429, "application/json"] as const].map(
      async ([connection, status, contentType]) => {
        const authentik = await Authentik.start();
        const lookupsPerPost = status === 503 ? 3 : 0;
        return { connection, lookupsPerPost, authentik, gateway: await startGateway(authentik, status, contentType) };
      },
    ),
  );
  const config = Object.fromEntries(
    cases.flatMap(({ connection, authentik, gateway }) => [
      [`${connection}:url`, gateway.url],
      [`${connection}:token`, authentik.token],
    ]),
  );
  await InvitationBatch.configure({ config: { get: (key) => config[key] } });
  try {
    await Promise.all(
      cases.map(async ({ connection, lookupsPerPost, authentik, gateway: { counts } }) => {
        const { outs } = await InvitationBatch.create(batchInputs(invitations, { connection }));
        expect(Object.keys((unwrapSecrets(outs) as { pks: object }).pks)).toHaveLength(count);
        expect(authentik.instance.invitations.count).toBe(count);
        expect(counts.rejectedPosts).toBeGreaterThan(0);
        expect(counts.rejected).toBeLessThan(count);
        // One for what an earlier run created. After a 503, an event may be late.
        expect(counts.lookups).toBe(1 + lookupsPerPost * counts.rejectedPosts);
      }),
    );
  } finally {
    await Promise.all(cases.map(({ authentik }) => authentik.close()));
  }
}, 90_000);
