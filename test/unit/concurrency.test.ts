import { InvitationBatch } from "pulumi-authentik-invitations/provider";
import { ConcurrencyLimiter } from "../../provider/authentik/concurrency";
import { Authentik } from "../../sandbox";
import { batchInputs } from "./support/batch";
import { unwrapSecrets } from "./support/secrets";
import { closeServers, startServer } from "./support/server";

afterEach(closeServers);

/** Sends requests through the limiter to a server with a number of workers, each of which takes `work` milliseconds for a request. */
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
  await Promise.all(Array.from({ length: count }, () => limiter.run("POST", serve, () => ({ isRejected: false }))));
  return { limit: limiter.limit, most };
}

test("a server with two workers gets few requests at once", async () => {
  const { limit, most } = await simulate(2, 100, 80);
  expect(limit).toBeGreaterThanOrEqual(2);
  expect(limit).toBeLessThanOrEqual(6);
  expect(most).toBeLessThanOrEqual(8);
}, 20_000);

test("a server without a queue gets as many requests at once as allowed", async () => {
  const { limit } = await simulate(1000, 20, 800);
  expect(limit).toBeGreaterThan(32);
}, 20_000);

test("a rejection halves the limit, once for all requests on their way, and delays the next one by Retry-After", async () => {
  const limiter = new ConcurrencyLimiter(64);
  await Promise.all(
    Array.from({ length: 64 }, () =>
      limiter.run(
        "GET",
        async () => undefined,
        () => ({ isRejected: false }),
      ),
    ),
  );
  const before = limiter.limit;
  const reject = (): Promise<unknown> =>
    limiter.run(
      "GET",
      () => Promise.reject(new Error("429")),
      () => ({ isRejected: true, retryAfter: 300 }),
    );
  const start = performance.now();
  await Promise.allSettled([reject(), reject()]);
  expect(limiter.limit).toBe(Math.floor(before / 2));
  await limiter.run(
    "GET",
    async () => undefined,
    () => ({ isRejected: false }),
  );
  expect(performance.now() - start).toBeGreaterThan(290);
});

test.each([
  [503, "text/html"],
  [429, "application/json"],
])(
  "a batch of 60 behind a gateway that allows 40 requests a second (%d) is created completely, and nothing twice",
  async (status, type) => {
    const authentik = await Authentik.start();
    let tokens = 1;
    const refill = setInterval(() => {
      tokens = 1;
    }, 25);
    const counts = { passed: 0, rejected: 0, lookups: 0 };
    const gateway = await startServer((request, response) => {
      if (tokens === 0) {
        counts.rejected += 1;
        response.writeHead(status, { "content-type": type }).end("<html></html>");
        return;
      }
      tokens -= 1;
      counts.passed += 1;
      if (request.path.startsWith("/api/v3/events/")) counts.lookups += 1;
      const body = request.body === "" ? null : request.body;
      fetch(`${authentik.url}${request.path}`, {
        method: request.method,
        headers: request.headers as Record<string, string>,
        body,
      }).then(async (forwarded) => {
        response.writeHead(forwarded.status, { "content-type": forwarded.headers.get("content-type") ?? "" });
        response.end(await forwarded.text());
      });
    });
    const config: Record<string, string> = { "authentik:url": gateway.url, "authentik:token": authentik.token };
    await InvitationBatch.configure({ config: { get: (key) => config[key] } });
    const invitations = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`p${index}`, {}]));
    try {
      const outs = unwrapSecrets((await InvitationBatch.create(batchInputs(invitations))).outs) as { pks: object };
      expect(Object.keys(outs.pks)).toHaveLength(60);
      const { body } = await authentik.request("GET", "/api/v3/stages/invitation/invitations/?page_size=100");
      expect((body as { results: unknown[] }).results).toHaveLength(60);
      expect(counts.rejected).toBeLessThan(60);
      expect(counts.lookups).toBeLessThan(60);
    } finally {
      clearInterval(refill);
      await authentik.close();
    }
  },
  90_000,
);
