import { spawn } from "node:child_process";
import * as http from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Authentik, type AuthentikOptions, type AuthentikVersion } from "./index";

const invitations = "/api/v3/stages/invitation/invitations/";
const stages = "/api/v3/stages/invitation/stages/";
const flows = "/api/v3/flows/instances/";
const bindings = "/api/v3/flows/bindings/";
const events = "/api/v3/events/events/";

const versions: AuthentikVersion[] = ["2024.8", "2026.2"];
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

async function page(authentik: Authentik, path: string): Promise<Page> {
  return (await authentik.request("GET", path)).body as Page;
}

async function statusOf(authentik: Authentik, pk: string, token?: string): Promise<number> {
  return (await authentik.request("GET", `${invitations}${pk}/`, undefined, token)).status;
}

/** A flow with an invitation stage; gives the flow's pk. */
async function enrollment(authentik: Authentik, slug = "enrollment"): Promise<string> {
  const made = async (path: string, fields: object): Promise<string> => {
    const { body, status } = await authentik.request("POST", path, fields);
    expect(status).toBe(201);
    return (body as { pk: string }).pk;
  };
  const flow = await made(flows, { name: slug, slug, title: slug, designation: "enrollment" });
  const stage = await made(stages, { name: `${slug}-invitation` });
  await made(bindings, { target: flow, stage, order: 0 });
  return flow;
}

function follow(authentik: Authentik, pk: string, slug = "enrollment"): ReturnType<Authentik["request"]> {
  const path = `/api/v3/flows/executor/${slug}/?query=${encodeURIComponent(`itoken=${pk}`)}`;
  return authentik.request("GET", path, undefined, null);
}

async function actions(authentik: Authentik, pk: string): Promise<string[]> {
  const found = await authentik.request("GET", `${events}?search=${pk.replaceAll("-", "")}&ordering=-created`);
  return (found.body as { results: { action: string }[] }).results.map((event) => event.action);
}

describe("faults", () => {
  test("a connection that is cut before: nothing is done", async () => {
    const authentik = await start();
    authentik.fail({ method: "POST", cut: true });
    await expect(authentik.request("POST", invitations, { name: "jane" })).rejects.toThrow();
    expect((await page(authentik, invitations)).pagination.count).toBe(0);
    expect(authentik.requests.map((request) => request.status)).toEqual(["cut", 200]);
  });

  test("a connection that is cut after: it is done, and the answer lost", async () => {
    const authentik = await start();
    authentik.fail({ method: "POST", cut: true, when: "after" });
    await expect(authentik.request("POST", invitations, { name: "jane" })).rejects.toThrow();
    const { results } = await page(authentik, invitations);
    expect(results.map((row) => row.name)).toEqual(["jane"]);
  });

  test("a status before and after, with its headers and body", async () => {
    const authentik = await start();
    authentik.fail({ status: 429, headers: { "Retry-After": "1", "content-type": "text/plain" }, body: "slowly" });
    const before = await authentik.request("POST", invitations, { name: "before" });
    expect([before.status, before.body, before.headers.get("retry-after")]).toEqual([429, "slowly", "1"]);
    authentik.fail({ status: 502, when: "after" });
    expect((await authentik.request("POST", invitations, { name: "after" })).status).toBe(502);
    const { results } = await page(authentik, invitations);
    expect(results.map((row) => row.name)).toEqual(["after"]);
  });

  test("so many times, and only where method and path match", async () => {
    const authentik = await start();
    authentik.fail({ status: 503, times: 2, method: "GET", path: /\/invitations\//g });
    const seen: number[] = [];
    for (const path of [stages, invitations, invitations, invitations]) {
      seen.push((await authentik.request("GET", path)).status);
    }
    expect(seen).toEqual([200, 503, 503, 200]);
  });

  test("several faults hit one after the other", async () => {
    const authentik = await start();
    authentik.fail({ status: 500 });
    authentik.fail({ status: 502 });
    const seen: number[] = [];
    for (let time = 0; time < 3; time++) seen.push((await authentik.request("GET", invitations)).status);
    expect(seen).toEqual([500, 502, 200]);
  });

  test("a delay alone only delays, as latency does", async () => {
    const authentik = await start();
    authentik.fail({ delay: 60 });
    const begun = Date.now();
    expect((await authentik.request("GET", invitations)).status).toBe(200);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(55);
    authentik.latency = 60;
    const again = Date.now();
    await authentik.request("GET", invitations);
    expect(Date.now() - again).toBeGreaterThanOrEqual(55);
  });
});

describe.each(versions)("time in %s", (version) => {
  test("the clean-up takes expired invitations, and its events have no request", async () => {
    const authentik = await start({ version });
    const [short, long] = [await create(authentik), await create(authentik, { expires: "2099-01-01T00:00:00Z" })];
    expect(authentik.cleanUpExpired()).toBe(0);
    authentik.now = () => new Date(Date.now() + 31 * 60_000);
    // Until the clean-up it is there, expired or not.
    expect(await statusOf(authentik, short)).toBe(200);
    expect(authentik.cleanUpExpired()).toBe(1);
    expect([await statusOf(authentik, short), await statusOf(authentik, long)]).toEqual([404, 200]);
    const found = await authentik.request("GET", `${events}?search=${short.replaceAll("-", "")}&ordering=-created`);
    const [swept] = (found.body as { results: { context: object; user: { username: string } }[] }).results;
    expect(swept?.context).not.toHaveProperty("http_request");
    expect(swept?.user.username).toBe("authentik-shell");
  });

  test("the link of an expired invitation", async () => {
    const authentik = await start({ version });
    const flow = await enrollment(authentik);
    const pk = await create(authentik, { flow, expires: "2001-01-01T00:00:00Z" });
    const { body } = await follow(authentik, pk);
    const works = version === "2024.8";
    expect(body).toMatchObject({ component: works ? "xak-flow-redirect" : "ak-stage-access-denied" });
    expect(await statusOf(authentik, pk)).toBe(works ? 200 : 404);
  });

  test("a single-use invitation is gone when its link was followed, another stays", async () => {
    const authentik = await start({ version });
    const flow = await enrollment(authentik);
    const fields = { flow, expires: "2099-01-01T00:00:00Z" };
    const once = await create(authentik, { ...fields, single_use: true });
    const often = await create(authentik, fields);
    await follow(authentik, once);
    await follow(authentik, often);
    expect(await actions(authentik, once)).toEqual(["model_deleted", "invitation_used", "model_created"]);
    expect(await actions(authentik, often)).toEqual(["invitation_used", "model_created"]);
    expect([await statusOf(authentik, once), await statusOf(authentik, often)]).toEqual([404, 200]);
  });

  test("events come late if asked to", async () => {
    const authentik = await start({ version });
    authentik.eventDelay = 5000;
    const pk = await create(authentik);
    expect(await actions(authentik, pk)).toEqual([]);
    authentik.now = () => new Date(Date.now() + 5001);
    expect(await actions(authentik, pk)).toEqual(["model_created"]);
  });
});

describe("users", () => {
  test("a user may what its permissions say", async () => {
    const authentik = await start();
    const pk = await create(authentik);
    const viewer = authentik.addUser("viewer", ["authentik_stages_invitation.view_invitation"]);
    const nobody = authentik.addUser("nobody", []);
    expect(await statusOf(authentik, pk, viewer)).toBe(200);
    expect(await statusOf(authentik, pk, nobody)).toBe(403);
    expect((await authentik.request("DELETE", `${invitations}${pk}/`, undefined, viewer)).status).toBe(403);
    expect((await authentik.request("GET", events, undefined, viewer)).status).toBe(403);
    expect(authentik.requests.at(-1)?.username).toBe("viewer");
  });

  test("with a user go its invitations and its token", async () => {
    const authentik = await start();
    const token = authentik.addUser("leaver", [
      "authentik_stages_invitation.add_invitation",
      "authentik_stages_invitation.view_invitation",
    ]);
    const made = await authentik.request("POST", invitations, { name: "theirs" }, token);
    const { pk } = made.body as { pk: string };
    const other = await create(authentik);
    authentik.removeUser("leaver");
    expect([await statusOf(authentik, pk), await statusOf(authentik, other)]).toEqual([404, 200]);
    expect(await statusOf(authentik, other, token)).toBe(403);
    expect(() => authentik.removeUser("leaver")).toThrow("there is no user leaver");
  });
});

describe("the server", () => {
  test("lies below a path prefix", async () => {
    const authentik = await start({ pathPrefix: "/auth" });
    expect(authentik.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/auth$/);
    const pk = await create(authentik);
    expect(await statusOf(authentik, pk)).toBe(200);
    const outside = await fetch(authentik.url.replace("/auth", "") + invitations);
    expect([outside.status, outside.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    expect(authentik.requests.map((request) => request.path.startsWith("/auth/"))).toEqual([true, true, false]);
  });

  test.each([
    ["GET", "/api/v3/core/groups/"],
    ["GET", `${flows}?search=x`],
    ["GET", `${events}?context_model_pk=x`],
    ["POST", "/api/v3/flows/executor/default-authentication-flow/"],
    ["PATCH", "/api/v3/admin/settings/"],
    ["GET", `${invitations}?search=%22a%20b%22`],
  ])("does not guess: %s %s", async (method, path) => {
    const authentik = await start();
    const { status, body } = await authentik.request(
      method,
      path,
      undefined,
      path.includes("executor") ? null : undefined,
    );
    expect(status).toBe(501);
    expect(body).toEqual({ detail: expect.stringMatching(/stand-in: .* was not seen on a real server/) as string });
  });

  test("tells what was asked", async () => {
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

  test("pages that are ordered by nothing that tells rows apart lose rows, those ordered by pk do not", async () => {
    const authentik = await start();
    for (let index = 0; index < 60; index++) {
      authentik.instance.invitations.add({ name: `n-${index}`, expires: "2099-01-01T00:00:00.000000Z" });
    }
    const seen = async (query: string): Promise<number> => {
      const pks = new Set<string>();
      for (let next = 1; next !== 0; ) {
        const { pagination, results } = await page(authentik, `${invitations}?${query}&page=${next}`);
        for (const { pk } of results) pks.add(pk);
        next = pagination.next;
      }
      return pks.size;
    };
    expect(await seen("page_size=20")).toBeLessThan(60);
    expect(await seen("page_size=20&ordering=pk")).toBe(60);
  });

  test("thousands of invitations stay quick", async () => {
    const authentik = await start();
    for (let index = 0; index < 5000; index++) authentik.instance.invitations.add({ name: `n-${index}` });
    const begun = performance.now();
    const pks = await Promise.all(Array.from({ length: 300 }, () => create(authentik)));
    await Promise.all(pks.map((pk) => authentik.request("PUT", `${invitations}${pk}/`, { name: "jim" })));
    const found = await Promise.all(pks.map((pk) => statusOf(authentik, pk)));
    expect(found.every((status) => status === 200)).toBe(true);
    // The real server would need more than a minute.
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test("close ends kept connections", async () => {
    const authentik = await start();
    const agent = new http.Agent({ keepAlive: true });
    const socket = await new Promise<Socket>((resolve, reject) => {
      const request = http.get(`${authentik.url}/-/health/live/`, { agent }, (response) => {
        const used = response.socket;
        response.resume().on("end", () => resolve(used));
      });
      request.on("error", reject);
    });
    const cut = new Promise((resolve) => socket.once("close", resolve));
    await authentik.close();
    await cut;
    agent.destroy();
    await expect(authentik.request("GET", "/-/health/live/")).rejects.toThrow();
  });
});

describe("alone, as a program", () => {
  // Node 20 reads no TypeScript: swc translates the sources as they are required.
  const program = `
    const { readFileSync } = require("node:fs");
    const { transformSync } = require("@swc/core");
    require.extensions[".ts"] = (module, filename) => {
      const jsc = { target: "es2022", parser: { syntax: "typescript" } };
      const source = readFileSync(filename, "utf8");
      module._compile(transformSync(source, { filename, jsc, module: { type: "commonjs" } }).code, filename);
    };
    require(${JSON.stringify(join(__dirname, "main.ts"))});
  `;

  function run(...args: string[]): { output: () => string; ended: Promise<number | null>; stop: () => void } {
    const child = spawn(process.execPath, ["-e", program, "--", ...args], { cwd: __dirname });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    return { output: () => output, ended, stop: () => child.kill("SIGTERM") };
  }

  test("it says how to use it, and ends when told to", async () => {
    const { output, ended, stop } = run("--version", "2024.8");
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over && !output().includes("Ctrl+C")) await new Promise((resolve) => setTimeout(resolve, 20));
    const url = /AUTHENTIK_URL=(\S+)/.exec(output())?.[1];
    const token = /AUTHENTIK_TOKEN=(\S+)/.exec(output())?.[1];
    const response = await fetch(`${url}/api/v3/admin/version/`, { headers: { authorization: `Bearer ${token}` } });
    expect(await response.json()).toMatchObject({ version_current: "2024.8.6" });
    expect(output()).toContain("stand-in");
    stop();
    expect(await ended).toBe(0);
  });

  test("it says what is wrong", async () => {
    const authentik = await start();
    const taken = run("--port", new URL(authentik.url).port);
    const unknown = run("--colour");
    const version = run("--version", "2019.1");
    const port = run("--port", "many");
    expect(await Promise.all([taken.ended, unknown.ended, version.ended, port.ended])).toEqual([1, 1, 1, 1]);
    expect(taken.output()).toContain("The port is in use");
    expect(unknown.output()).toContain("Usage:");
    expect(version.output()).toContain("There is no version 2019.1");
    expect(port.output()).toContain("many is no port");
    for (const { output } of [taken, unknown, version, port]) expect(output()).not.toContain("    at ");
  });
});
