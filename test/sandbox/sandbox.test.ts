import { spawn } from "node:child_process";
import * as http from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Authentik, type AuthentikOptions, authentikVersions, type Mail } from "../../sandbox";

const invitations = "/api/v3/stages/invitation/invitations/";
const stages = "/api/v3/stages/invitation/stages/";
const flows = "/api/v3/flows/instances/";
const bindings = "/api/v3/flows/bindings/";
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

/** Creates a flow with an invitation stage. Returns the flow's pk. */
async function createEnrollmentFlow(authentik: Authentik): Promise<string> {
  const slug = "enrollment";
  const post = async (path: string, fields: object): Promise<string> => {
    const { body, status } = await authentik.request("POST", path, fields);
    expect(status).toBe(201);
    return (body as { pk: string }).pk;
  };
  const flow = await post(flows, { name: slug, slug, title: slug, designation: "enrollment" });
  const stage = await post(stages, { name: `${slug}-invitation` });
  await post(bindings, { target: flow, stage, order: 0 });
  return flow;
}

function openLink(authentik: Authentik, pk: string): ReturnType<Authentik["request"]> {
  const path = `/api/v3/flows/executor/enrollment/?query=${encodeURIComponent(`itoken=${pk}`)}`;
  return authentik.request("GET", path, undefined, null);
}

/** The actions of an object's events, newest first. */
async function getActions(authentik: Authentik, pk: string): Promise<string[]> {
  const found = await authentik.request("GET", `${events}?search=${pk.replaceAll("-", "")}&ordering=-created`);
  return (found.body as { results: { action: string }[] }).results.map((event) => event.action);
}

describe("injected failures", () => {
  test("disconnects before executing the request", async () => {
    const authentik = await start();
    authentik.injectFailure({ method: "POST", disconnect: true });
    await expect(authentik.request("POST", invitations, { name: "jane" })).rejects.toThrow();
    expect((await getPage(authentik, invitations)).pagination.count).toBe(0);
    expect(authentik.requests.map((request) => request.status)).toEqual(["disconnected", 200]);
  });

  test("disconnects after executing the request", async () => {
    const authentik = await start();
    authentik.injectFailure({ method: "POST", disconnect: true, when: "after" });
    await expect(authentik.request("POST", invitations, { name: "jane" })).rejects.toThrow();
    const { results } = await getPage(authentik, invitations);
    expect(results.map((row) => row.name)).toEqual(["jane"]);
  });

  test("sends a status with headers and body, before or after executing the request", async () => {
    const authentik = await start();
    authentik.injectFailure({
      status: 429,
      headers: { "Retry-After": "1", "content-type": "text/plain" },
      body: "slowly",
    });
    const before = await authentik.request("POST", invitations, { name: "before" });
    expect([before.status, before.body, before.headers.get("retry-after")]).toEqual([429, "slowly", "1"]);
    authentik.injectFailure({ status: 502, when: "after" });
    expect((await authentik.request("POST", invitations, { name: "after" })).status).toBe(502);
    const { results } = await getPage(authentik, invitations);
    expect(results.map((row) => row.name)).toEqual(["after"]);
  });

  test("affects a limited number of requests, and only those whose method and path match", async () => {
    const authentik = await start();
    authentik.injectFailure({ status: 503, times: 2, method: "GET", path: /\/invitations\//g });
    const statuses: number[] = [];
    for (const path of [stages, invitations, invitations, invitations]) {
      statuses.push((await authentik.request("GET", path)).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200]);
  });

  test("applies several failures one after the other", async () => {
    const authentik = await start();
    authentik.injectFailure({ status: 500 });
    authentik.injectFailure({ status: 502 });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) statuses.push((await authentik.request("GET", invitations)).status);
    expect(statuses).toEqual([500, 502, 200]);
  });

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
});

describe.each(authentikVersions)("expiry, use and events in %s", (version) => {
  const onExpiredLink = { "2024.8": "accepts", "2026.2": "rejects and deletes", "2026.5": "rejects and keeps" }[
    version
  ];
  test(`${onExpiredLink} an expired invitation`, async () => {
    const authentik = await start({ version });
    const flow = await createEnrollmentFlow(authentik);
    const pk = await create(authentik, { flow, expires: "2001-01-01T00:00:00Z" });
    const { body } = await openLink(authentik, pk);
    const isAccepted = version === "2024.8";
    expect(body).toMatchObject({ component: isAccepted ? "xak-flow-redirect" : "ak-stage-access-denied" });
    const isDeleted = version === "2026.2";
    expect(await getStatus(authentik, pk)).toBe(isDeleted ? 404 : 200);
    const [latest] = await getActions(authentik, pk);
    expect(latest).toBe(isAccepted ? "invitation_used" : isDeleted ? "model_deleted" : "model_created");
  });

  test("delays the visibility of new events by eventDelay", async () => {
    const authentik = await start({ version });
    authentik.eventDelay = 5000;
    const pk = await create(authentik);
    expect(await getActions(authentik, pk)).toEqual([]);
    authentik.now = () => new Date(Date.now() + 5001);
    expect(await getActions(authentik, pk)).toEqual(["model_created"]);
  });
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
  const expires = "2099-01-01T00:00:00Z";

  async function startWithInvitation(options?: AuthentikOptions): Promise<{ authentik: Authentik; pk: string }> {
    const authentik = await start(options);
    const flow = await createEnrollmentFlow(authentik);
    return { authentik, pk: await create(authentik, { flow, expires, single_use: true }) };
  }

  test("sends one mail to each address, with the same cc and bcc", async () => {
    const received: Mail[] = [];
    const { authentik, pk } = await startWithInvitation({ onMail: (mail) => received.push(mail) });
    const { host } = new URL(authentik.url);
    expect(authentik.outbox).toEqual([]);
    const copies = { cc_addresses: ["c@example.com", "c2@example.com"], bcc_addresses: ["d@example.com"] };
    const addresses = { email_addresses: ["a@example.com", "b@example.com"], ...copies };
    expect((await sendEmail(authentik, pk, addresses)).status).toBe(204);
    const expected = {
      cc: copies.cc_addresses,
      bcc: copies.bcc_addresses,
      subject: `You have been invited to ${host}`,
      template: "email/invitation.html",
      link: `http://${host}/if/flow/enrollment/?itoken=${pk}`,
      invitationPk: pk,
    };
    expect(authentik.outbox).toEqual([
      { to: "a@example.com", ...expected },
      { to: "b@example.com", ...expected },
    ]);
    expect(received).toEqual(authentik.outbox);
  });

  test("makes the link from the host of the request, without the path prefix", async () => {
    const { authentik, pk } = await startWithInvitation({ pathPrefix: "/auth" });
    expect(await sendEmailAs(authentik, "id.example.com", pk, { email_addresses: ["jane@example.com"] })).toBe(204);
    expect(await sendEmailAs(authentik, "authentik:9000", pk, { email_addresses: ["jane@example.com"] })).toBe(204);
    expect(authentik.outbox.map(({ subject, link }) => [subject, link])).toEqual([
      ["You have been invited to id.example.com", `http://id.example.com/if/flow/enrollment/?itoken=${pk}`],
      ["You have been invited to authentik:9000", `http://authentik:9000/if/flow/enrollment/?itoken=${pk}`],
    ]);
  });

  test("sends nothing to what is no address, or if the template does not exist", async () => {
    const { authentik, pk } = await startWithInvitation();
    const jane = { email_addresses: ["jane@example.com"], template: "email/custom.html" };
    expect((await sendEmail(authentik, pk, jane)).status).toBe(405);
    // The real server responded with 204 to both, and no mail arrived.
    expect((await sendEmail(authentik, pk, { email_addresses: "jane@example.com" })).status).toBe(204);
    expect((await sendEmail(authentik, pk, { email_addresses: ["nobody"] })).status).toBe(204);
    expect(authentik.outbox).toEqual([]);
    authentik.instance.outbox.templates.add("email/custom.html");
    expect((await sendEmail(authentik, pk, jane)).status).toBe(204);
    expect(authentik.outbox).toMatchObject([{ to: "jane@example.com", template: "email/custom.html" }]);
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

  test("lists the requests that it received", async () => {
    const authentik = await start();
    await authentik.request("POST", `${invitations}?x=1`, { name: "jane", fixed_data: { a: 1.5 } });
    expect(authentik.requests).toHaveLength(1);
    expect(authentik.requests[0]).toMatchObject({
      method: "POST",
      path: invitations,
      query: "x=1",
      status: 201,
      username: "akadmin",
      body: { name: "jane", fixed_data: { a: 1.5 } },
    });
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

  test("handles thousands of invitations quickly", async () => {
    const authentik = await start();
    for (let index = 0; index < 5000; index++) authentik.instance.invitations.add({ name: `n-${index}` });
    const before = process.cpuUsage();
    const pks = await Promise.all(Array.from({ length: 300 }, () => create(authentik)));
    await Promise.all(pks.map((pk) => authentik.request("PUT", `${invitations}${pk}/`, { name: "jim" })));
    const found = await Promise.all(pks.map((pk) => getStatus(authentik, pk)));
    expect(found.every((status) => status === 200)).toBe(true);
    // The real server would need more than a minute. Not the time that passes, because the machine may be busy.
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
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

  test("prints URL and token, and stops on SIGTERM", async () => {
    const command = run("--version", "2024.8");
    const { output, ended, stop } = command;
    await waitFor("Ctrl+C", command);
    const url = /AUTHENTIK_URL=(\S+)/.exec(output())?.[1];
    const token = /AUTHENTIK_TOKEN=(\S+)/.exec(output())?.[1];
    const response = await fetch(`${url}/api/v3/admin/version/`, { headers: { authorization: `Bearer ${token}` } });
    expect(await response.json()).toMatchObject({ version_current: "2024.8.6" });
    expect(output()).toContain("stand-in");
    stop();
    expect(await ended).toBe(0);
  });

  test("imitates the newest version by default, and prints each mail", async () => {
    const command = run();
    await waitFor("Ctrl+C", command);
    const url = /AUTHENTIK_URL=(\S+)/.exec(command.output())?.[1] ?? "";
    const headers = {
      authorization: `Bearer ${/AUTHENTIK_TOKEN=(\S+)/.exec(command.output())?.[1]}`,
      "content-type": "application/json",
    };
    const post = async (path: string, body: object): Promise<Response> =>
      await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const version = await fetch(`${url}/api/v3/admin/version/`, { headers });
    expect(await version.json()).toMatchObject({ version_current: "2026.5.0-rc1" });
    const flow = await post(flows, { name: "x", slug: "join", title: "x", designation: "enrollment" });
    const created = await post(invitations, { name: "jane", flow: ((await flow.json()) as { pk: string }).pk });
    const { pk } = (await created.json()) as { pk: string };
    const sent = await post(`${invitations}${pk}/send_email/`, {
      email_addresses: ["jane@example.com", "jim@example.com"],
      cc_addresses: ["cc@example.com"],
      bcc_addresses: ["bcc@example.com"],
    });
    expect(sent.status).toBe(204);
    await waitFor("jim@example.com", command);
    for (const to of ["jane@example.com", "jim@example.com"]) {
      expect(command.output()).toContain(
        [
          `Mail "You have been invited to ${new URL(url).host}"`,
          `  to:   ${to}`,
          "  cc:   cc@example.com",
          "  bcc:  bcc@example.com",
          `  link: ${url}/if/flow/join/?itoken=${pk}\n`,
        ].join("\n"),
      );
    }
    command.stop();
    expect(await command.ended).toBe(0);
  });

  test("prints errors without a stack trace", async () => {
    const authentik = await start();
    const taken = run("--port", new URL(authentik.url).port);
    const unknown = run("--color");
    const version = run("--version", "2019.1");
    const port = run("--port", "many");
    expect(await Promise.all([taken.ended, unknown.ended, version.ended, port.ended])).toEqual([1, 1, 1, 1]);
    expect(taken.output()).toContain("The port is in use");
    expect(unknown.output()).toContain("Usage:");
    expect(version.output()).toContain("--version must be 2024.8, 2026.2 or 2026.5, not 2019.1");
    expect(port.output()).toContain("--port must be an integer from 0 to 65535, not many");
    for (const { output } of [taken, unknown, version, port]) expect(output()).not.toContain("    at ");
  });
});
