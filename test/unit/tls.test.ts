import { createServer } from "node:net";
import { type Limits, Transport } from "../../provider/authentik/transport";
import { selfSigned } from "./support/certificate";
import { failureOf } from "./support/failure";
import { closeServers, listen, sendJson, startServer } from "./support/server";

const limits: Partial<Limits> = { maxAttempts: 3, initialDelay: 1, connectTimeout: 200 };
const get = { method: "GET", path: "/api/v3/", redactedPath: "/api/v3/" } as const;
const post = { ...get, method: "POST", body: {} } as const;
const fine = { handler: (_received: unknown, response: Parameters<typeof sendJson>[0]) => sendJson(response, 200, {}) };

// Real time passes here, and more of it where the machine is busy.
jest.setTimeout(30_000);

afterEach(closeServers);

async function failureAt(url: string, request: typeof get | typeof post): Promise<Error> {
  const transport = new Transport({ url, token: "t0ken", limits });
  return await failureOf(transport.send(request)).finally(() => transport.close());
}

test("a certificate that nobody vouches for is refused, with what to do", async () => {
  const server = await startServer(fine.handler, { tls: selfSigned });
  const { message } = await failureAt(server.url, get);
  expect(message).toBe(
    `authentik at ${server.url} cannot be reached: GET /api/v3/: DEPTH_ZERO_SELF_SIGNED_CERT. Its certificate is not trusted here: give Node the authority's certificate with NODE_EXTRA_CA_CERTS, or, on a test server, set authentik:insecure to true.`,
  );
  expect(server.received).toEqual([]);
});

test.each([get, post])("a certificate that is refused is not tried again: $method", async (request) => {
  const server = await startServer(fine.handler, { tls: selfSigned });
  expect(await failureAt(server.url, request)).toMatchObject({ outcomeUnknown: false });
  expect(server.connections()).toBe(1);
});

test("a certificate for another name is refused", async () => {
  const server = await startServer(fine.handler, { tls: selfSigned });
  const transport = new Transport({ url: `https://127.0.0.1:${server.port}`, token: "t0ken", insecure: false, limits });
  expect((await failureOf(transport.send(get))).message).toContain("Its certificate is not trusted here");
  await transport.close();
});

test("insecure takes any certificate", async () => {
  const server = await startServer(fine.handler, { tls: selfSigned });
  const transport = new Transport({ url: server.url, token: "t0ken", insecure: true, limits });
  expect((await transport.send(get)).status).toBe(200);
  expect((await transport.send(post)).status).toBe(200);
  await transport.close();
});

test.each([get, post])("https to a port that speaks http says so: $method", async (request) => {
  const server = await startServer(fine.handler);
  const failure = await failureAt(server.url.replace("http:", "https:"), request);
  expect(failure.message).toContain("That port does not speak TLS: check https:// against http:// in authentik:url");
  expect(failure).toMatchObject({ outcomeUnknown: false });
});

test.each([get, post])(
  "a server that never shakes hands is asked again, and then given up: $method",
  async (request) => {
    let connections = 0;
    const silent = createServer(() => {
      connections += 1;
    });
    const port = await listen(silent);
    const failure = await failureAt(`https://127.0.0.1:${port}`, request);
    expect(failure).toMatchObject({ name: "TimeoutError", outcomeUnknown: false });
    expect(connections).toBe(limits.maxAttempts);
    silent.close();
  },
);
