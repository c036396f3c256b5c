import { spawn } from "node:child_process";
import * as http from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Authentik, type AuthentikOptions } from "../../sandbox";

const invitations = "/api/v3/stages/invitation/invitations/";
const flows = "/api/v3/flows/instances/";
const events = "/api/v3/events/events/";

const running: Authentik[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((authentik) => authentik.close()));
});

async function start(options?: AuthentikOptions): Promise<Authentik> {
  const authentik = await Authentik.start(options);
  running.push(authentik);
  return authentik;
}

interface Page {
  pagination: { next: number; count: number };
  results: { pk: string; name: string }[];
}

async function create(authentik: Authentik, fields: object = {}): Promise<string> {
  const { body, status } = await authentik.request("POST", invitations, { name: "jane", ...fields });
  expect(status).toBe(201);
  return (body as { pk: string }).pk;
}

async function getPage(authentik: Authentik, path: string): Promise<Page> {
  return (await authentik.request("GET", path)).body as Page;
}

async function getStatus(authentik: Authentik, pk: string): Promise<number> {
  return (await authentik.request("GET", `${invitations}${pk}/`)).status;
}

/** The actions of an object's events, newest first. */
async function getActions(authentik: Authentik, pk: string): Promise<string[]> {
  const found = await authentik.request("GET", `${events}?search=${pk.replaceAll("-", "")}&ordering=-created`);
  return (found.body as { results: { action: string }[] }).results.map((event) => event.action);
}

test("delays responses without changing them", async () => {
  const authentik = await start();
  authentik.injectFailure({ delay: 60 });
  const startedAt = Date.now();
  expect((await authentik.request("GET", invitations)).status).toBe(200);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(55);
  authentik.latency = 60;
  const latencyStartedAt = Date.now();
  await authentik.request("GET", invitations);
  expect(Date.now() - latencyStartedAt).toBeGreaterThanOrEqual(55);
});

test("injects several failures one after the other", async () => {
  const authentik = await start();
  authentik.injectFailure({ status: 500 });
  authentik.injectFailure({ status: 502 });
  const statuses: number[] = [];
  for (let count = 0; count < 3; count++) statuses.push((await authentik.request("GET", invitations)).status);
  expect(statuses).toEqual([500, 502, 200]);
});

test("delays the visibility of new events by eventDelay", async () => {
  const authentik = await start();
  authentik.eventDelay = 5000;
  const pk = await create(authentik);
  expect(await getActions(authentik, pk)).toEqual([]);
  authentik.now = () => new Date(Date.now() + 5001);
  expect(await getActions(authentik, pk)).toEqual(["model_created"]);
});

/** Sends a request with this Host header, which fetch() does not allow to set. */
async function sendEmailAs(authentik: Authentik, host: string, pk: string, body: object): Promise<number | undefined> {
  const headers = { host, authorization: `Bearer ${authentik.token}`, "content-type": "application/json" };
  return await new Promise((resolve, reject) => {
    const url = `${authentik.url}${invitations}${pk}/send_email/`;
    const request = http.request(url, { method: "POST", headers }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });
}

function sendEmail(authentik: Authentik, pk: string, body: object): ReturnType<Authentik["request"]> {
  return authentik.request("POST", `${invitations}${pk}/send_email/`, body);
}

describe("mail", () => {
  async function startWithInvitation(options?: AuthentikOptions): Promise<{ authentik: Authentik; pk: string }> {
    const authentik = await start(options);
    const flow = authentik.instance.flows.add({ name: "x", slug: "enrollment", title: "x", designation: "enrollment" });
    return { authentik, pk: await create(authentik, { flow: flow.pk }) };
  }

  test("makes the link from the host of the request, without the path prefix", async () => {
    const { authentik, pk } = await startWithInvitation({ pathPrefix: "/auth" });
    expect(await sendEmailAs(authentik, "id.example.com", pk, { email_addresses: ["jane@example.com"] })).toBe(204);
    expect(await sendEmailAs(authentik, "authentik:9000", pk, { email_addresses: ["jane@example.com"] })).toBe(204);
    expect(authentik.outbox.map(({ subject, link }) => [subject, link])).toEqual([
      ["You have been invited to id.example.com", `http://id.example.com/if/flow/enrollment/?itoken=${pk}`],
      ["You have been invited to authentik:9000", `http://authentik:9000/if/flow/enrollment/?itoken=${pk}`],
    ]);
  });

  // The real server responded with 204 to both, and no mail arrived.
  test.each([["jane@example.com"], [["nobody"]]])("sends nothing to %j, which is no list of addresses", async (to) => {
    const { authentik, pk } = await startWithInvitation();
    expect((await sendEmail(authentik, pk, { email_addresses: to })).status).toBe(204);
    expect(authentik.outbox).toEqual([]);
  });

  test("mails twice if asked twice, also if the response is lost, and logs no event of the invitation", async () => {
    const { authentik, pk } = await startWithInvitation();
    const jane = { email_addresses: ["jane@example.com"] };
    authentik.injectFailure({ path: /send_email/, disconnect: true, when: "after" });
    await expect(sendEmail(authentik, pk, jane)).rejects.toThrow();
    authentik.injectFailure({ path: /send_email/, disconnect: true });
    await expect(sendEmail(authentik, pk, jane)).rejects.toThrow();
    expect(authentik.outbox).toHaveLength(1);
    await sendEmail(authentik, pk, jane);
    expect(authentik.outbox).toHaveLength(2);
    expect(await getActions(authentik, pk)).toEqual(["model_created"]);
  });
});

describe("the server", () => {
  test("serves everything below a path prefix", async () => {
    const authentik = await start({ pathPrefix: "/auth" });
    expect(authentik.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/auth$/);
    const pk = await create(authentik);
    expect(await getStatus(authentik, pk)).toBe(200);
    const outside = await fetch(authentik.url.replace("/auth", "") + invitations);
    expect([outside.status, outside.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    expect(authentik.requests.map((request) => request.path.startsWith("/auth/"))).toEqual([true, true, false]);
  });

  test.each([
    ["GET", "/api/v3/core/groups/"],
    ["GET", `${flows}?search=x`],
    ["GET", `${flows}?ordering=title`],
    ["GET", `${events}?ordering=-action`],
    ["GET", "/api/v3/flows/bindings/?target=00000000-0000-4000-8000-000000000000"],
    ["GET", `${events}?context_model_pk=x`],
    ["POST", "/api/v3/flows/executor/default-authentication-flow/"],
    ["OPTIONS", invitations],
    ["GET", `${flows}default-authentication-flow/used_by/`],
    ["GET", `${invitations}?search=%22a%20b%22`],
  ])("returns 501 for unrecorded behavior: %s %s", async (method, path) => {
    const authentik = await start();
    const { status, body } = await authentik.request(
      method,
      path,
      undefined,
      path.includes("executor") ? null : undefined,
    );
    expect(status).toBe(501);
    expect(body).toEqual({ detail: expect.stringMatching(/stand-in: .* was not recorded on a real server/) as string });
  });

  test("loses rows between pages if rows are tied, and none if ordered by pk", async () => {
    const authentik = await start();
    for (let index = 0; index < 60; index++) {
      authentik.instance.invitations.add({ name: `n-${index}`, expires: "2099-01-01T00:00:00.000000Z" });
    }
    const countPks = async (query: string): Promise<number> => {
      const pks = new Set<string>();
      for (let next = 1; next !== 0; ) {
        const { pagination, results } = await getPage(authentik, `${invitations}?${query}&page=${next}`);
        for (const { pk } of results) pks.add(pk);
        next = pagination.next;
      }
      return pks.size;
    };
    expect(await countPks("page_size=20")).toBeLessThan(60);
    expect(await countPks("page_size=20&ordering=pk")).toBe(60);
  });

  test("closes idle connections", async () => {
    const authentik = await start();
    const agent = new http.Agent({ keepAlive: true });
    const socket = await new Promise<Socket>((resolve, reject) => {
      const request = http.get(`${authentik.url}/-/health/live/`, { agent }, (response) => {
        const usedSocket = response.socket;
        response.resume().on("end", () => resolve(usedSocket));
      });
      request.on("error", reject);
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await authentik.close();
    await closed;
    agent.destroy();
    await expect(authentik.request("GET", "/-/health/live/")).rejects.toThrow();
  });
});

describe("the command", () => {
  const sandbox = join(__dirname, "..", "..", "sandbox");
  // Node.js 20 cannot load TypeScript, so swc compiles each source file when it is required.
  const program = `
    const { readFileSync } = require("node:fs");
    const { transformSync } = require("@swc/core");
    require.extensions[".ts"] = (module, filename) => {
      const jsc = { target: "es2022", parser: { syntax: "typescript" } };
      const source = readFileSync(filename, "utf8");
      module._compile(transformSync(source, { filename, jsc, module: { type: "commonjs" } }).code, filename);
    };
    require(${JSON.stringify(join(sandbox, "main.ts"))});
  `;

  function run(...args: string[]): { output: () => string; ended: Promise<number | null>; stop: () => void } {
    const child = spawn(process.execPath, ["-e", program, "--", ...args], { cwd: sandbox });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    return { output: () => output, ended, stop: () => child.kill("SIGTERM") };
  }

  /** Resolves when the command has printed this text, or has ended. */
  async function waitFor(text: string, { output, ended }: ReturnType<typeof run>): Promise<void> {
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
    });
    while (!hasEnded && !output().includes(text)) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Sends a request to the server that the command started. Returns the body of the response. */
  async function send(output: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const [url, token] = ["URL", "TOKEN"].map((name) => new RegExp(`AUTHENTIK_${name}=(\\S+)`).exec(output)?.[1]);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(url + path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return text === "" ? {} : JSON.parse(text);
  }

  test("imitates the given version or the newest, prints each mail, and stops on SIGTERM", async () => {
    const old = run("--version", "2024.8");
    const newest = run();
    const unknown = run("--version", "2019.1");
    await Promise.all([waitFor("Ctrl+C", old), waitFor("Ctrl+C", newest)]);
    expect(await send(old.output(), "/api/v3/admin/version/")).toMatchObject({ version_current: "2024.8.6" });
    expect(old.output()).toContain("stand-in");

    const output = newest.output();
    const flow = await send(output, flows, { name: "x", slug: "join", title: "x", designation: "enrollment" });
    const { pk } = await send(output, invitations, { name: "jane", flow: flow["pk"] });
    await send(output, `${invitations}${pk}/send_email/`, {
      email_addresses: ["jane@example.com"],
      cc_addresses: ["cc@example.com"],
      bcc_addresses: ["bcc@example.com"],
    });
    await waitFor("/if/flow", newest);
    const host = /127\.0\.0\.1:\d+/.exec(output)?.[0];
    expect(newest.output()).toContain(
      [
        `Mail "You have been invited to ${host}"`,
        "  to:   jane@example.com",
        "  cc:   cc@example.com",
        "  bcc:  bcc@example.com",
        `  link: http://${host}/if/flow/join/?itoken=${pk}\n`,
      ].join("\n"),
    );
    for (const { stop } of [old, newest]) stop();
    expect(await Promise.all([old, newest, unknown].map(({ ended }) => ended))).toEqual([0, 0, 1]);
    expect(unknown.output()).toBe("--version must be 2024.8, 2026.2 or 2026.5, not 2019.1.\n");
  });
});
