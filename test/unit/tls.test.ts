import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Authentik } from "../../sandbox";
import { type Limits, Transport } from "../bundle-internals";
import { packageRoot } from "../engine/project";
import { catchError } from "./support/catch-error";
import { selfSignedCertificate } from "./support/certificate";
import { closeServers, type Handler, sendJson, startServer } from "./support/server";

const limits: Partial<Limits> = { maxAttempts: 3, initialDelay: 1, connectTimeout: 200 };
const getRequest = { method: "GET", path: "/api/v3/", redactedPath: "/api/v3/", userAgent: "test" } as const;
const postRequest = { ...getRequest, method: "POST", body: {} } as const;
const respondOk: Handler = (_request, response) => sendJson(response, 200, {});

jest.setTimeout(30_000);

afterEach(closeServers);

async function catchRequestError(
  url: string,
  request: typeof getRequest | typeof postRequest,
  options: { insecure?: boolean } = {},
): Promise<Error> {
  const transport = new Transport({ url, token: "t0ken", limits, ...options });
  return await catchError(transport.send(request)).finally(() => transport.close());
}

test.each([{}, { insecure: false }])(
  "rejects a self-signed certificate, and explains what to do: %j",
  async (options) => {
    const server = await startServer(respondOk, { tls: selfSignedCertificate });
    const { message } = await catchRequestError(server.url, getRequest, options);
    expect(message).toBe(
      `Could not connect to authentik at ${server.url}: GET /api/v3/: DEPTH_ZERO_SELF_SIGNED_CERT. The server's TLS certificate was rejected. Check that it is valid for this host name and has not expired. For a private certificate authority, set NODE_EXTRA_CA_CERTS to the path of its certificate; for a test server, set authentik:insecure to true.`,
    );
    expect([server.received, server.connectionCount()]).toEqual([[], 1]);
  },
);

test("accepts any certificate with insecure", async () => {
  const server = await startServer(respondOk, { tls: selfSignedCertificate });
  const transport = new Transport({ url: server.url, token: "t0ken", insecure: true, limits });
  expect((await transport.send(getRequest)).status).toBe(200);
  expect((await transport.send(postRequest)).status).toBe(200);
  await transport.close();
});

test.each([getRequest, postRequest])("reports that a port does not use TLS: $method", async (request) => {
  const server = await startServer(respondOk);
  const error = await catchRequestError(server.url.replace("http:", "https:"), request);
  expect(error.message).toContain(
    "The TLS handshake failed. If the port does not use TLS, set authentik:url to http:// instead of https://.",
  );
  expect(error).toMatchObject({ outcomeUnknown: false });
});

test.each(["127.0.0.1", "localhost"])(
  "verifies the certificate for %s, also when links have another host",
  async (hostname) => {
    const authentik = await Authentik.start({ version: "2026.5", tls: selfSignedCertificate });
    const folder = await mkdtemp(join(tmpdir(), "tls-"));
    const ca = join(folder, "ca.pem");
    await writeFile(ca, selfSignedCertificate.cert);
    const settings = {
      "authentik:url": authentik.url.replace("127.0.0.1", hostname),
      "authentik:token": authentik.token,
      "authentik:publicUrl": "https://id.example.com",
    };
    // Node.js reads NODE_EXTRA_CA_CERTS when it starts.
    const script = `
    const { Invitation } = require("pulumi-authentik-invitations/provider");
    const settings = ${JSON.stringify(settings)};
    (async () => {
      await Invitation.configure({ config: { get: (key) => settings[key] } });
      const email = { to: ["jane@example.com"] };
      await Invitation.create({ name: "jane", expires: "2035-01-01T00:00:00Z", fixedData: {}, singleUse: true, flow: "default-source-enrollment", email });
      process.exit(0);
    })().catch((error) => { console.error(error.message, error.reasons); process.exit(1); });`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca };
    try {
      await promisify(execFile)(process.execPath, ["-e", script], { cwd: packageRoot, env, timeout: 20_000 });
    } finally {
      await rm(folder, { recursive: true });
      await authentik.close();
    }
    expect(authentik.outbox).toMatchObject([
      { link: expect.stringMatching(/^https:\/\/id\.example\.com\/if\/flow\//) },
    ]);
  },
);
