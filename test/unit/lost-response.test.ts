import {
  Flow as flowProvider,
  FlowStageBinding as flowStageBindingProvider,
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { parseOrigin } from "../../provider/common/origin";
import type { Authentik } from "../../sandbox";
import { Client, createInvitation } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import {
  closeEmbedded,
  listInvitations,
  newOrigin,
  permissionsWithoutEvents,
  startEmbedded,
  useEmbedded,
  waysToLoseAResponse,
} from "./support/embedded-authentik";
import { invitationInputs, type Properties } from "./support/invitation";
import { type Body, htmlPage } from "./support/response-bodies";
import { closeServers, findFreePort } from "./support/server";

const invitationsPath = "/api/v3/stages/invitation/invitations/";

const warn = jest.spyOn(console, "warn").mockImplementation();

// These tests wait in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

beforeEach(() => warn.mockClear());
afterEach(closeServers);
afterEach(closeEmbedded);

async function issue(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationProvider.create(invitationInputs({ __origin: newOrigin(), ...changes }));
  return { id, outs: outs as Properties };
}

const adoptionWarning = (object: string): string =>
  `${object}: the response to the create request was lost. authentik had created it; adopted the existing one.`;
const warnings = (): string[] => warn.mock.calls.map(([line]) => String(line));

/** The requests of the embedded authentik with this method and, if given, this string in their query. */
function requestsOf({ requests }: Authentik, method: string, search = ""): Authentik["requests"] {
  return requests.filter((request) => request.method === method && request.query.includes(search));
}

/** Expects a message without secrets and ids, and without a stack trace. */
function expectSafe(error: Error, server: Authentik, ...secrets: readonly string[]): void {
  expect(error.stack).toBe("");
  for (const secret of [server.token, ...secrets]) {
    expect(error.message).not.toContain(secret);
    expect(error.message).not.toContain(secret.replaceAll("-", ""));
  }
}

/** Creates the invitation of {@link invitationInputs} from another stack. */
async function createFromOtherStack(server: Authentik, changes: Body = {}): Promise<string> {
  const client = Client.connect({ url: server.url, token: server.token }).from("team/other; 0123456789");
  const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };
  const { pk } = await createInvitation(client, { ...fields, ...changes });
  await client.close();
  return pk;
}

describe.each(Object.entries(waysToLoseAResponse))("a lost create response (%s)", (_way, failure) => {
  test("is followed by a lookup in the event log that adopts the invitation with a warning", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", when: "after", ...failure });
    const origin = newOrigin();
    const { outs } = await issue({ __origin: origin });
    const [created, ...others] = await listInvitations(server);
    expect(others).toEqual([]);
    expect(outs).toMatchObject({ pk: created?.pk, name: "jane", __origin: origin });
    const [post] = requestsOf(server, "POST");
    const nonce = parseOrigin(origin)?.nonce ?? "";
    expect(post?.userAgent).toContain(`; ${nonce})`);
    expect(requestsOf(server, "POST")).toHaveLength(1);
    expect(requestsOf(server, "GET", nonce).map(({ query }) => query)).toEqual([
      `search=${nonce}&ordering=-created&page_size=100&action=model_created`,
    ]);
    expect(warnings()).toEqual([adoptionWarning('Invitation "jane"')]);
  });
});

test("finds a created invitation whose event is late", async () => {
  const server = await startEmbedded();
  server.eventDelay = 500;
  server.injectFailure({ method: "POST", when: "after", status: 504 });
  const { outs } = await issue();
  expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
  expect(requestsOf(server, "POST")).toHaveLength(1);
});

test("finds the invitation of a state without an origin, by a nonce of its own", async () => {
  const server = await startEmbedded();
  server.injectFailure({ method: "POST", when: "after", disconnect: true });
  const { outs } = await issue({ __origin: undefined });
  expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
});

test("keeps the inputs of an adopted invitation as configured", async () => {
  const server = await startEmbedded();
  await server.request("POST", "/api/v3/flows/instances/", {
    name: "x",
    slug: "enrollment",
    title: "x",
    designation: "enrollment",
  });
  server.injectFailure({ method: "POST", path: /invitations\/$/, when: "after", status: 502 });
  const configured = {
    name: " jane ",
    expires: "2031-05-06t09:08:09.1234567+02:00",
    fixedData: { b: -0, a: { d: 1, c: 2 } },
    singleUse: true,
    flow: "enrollment",
  };
  expect((await issue(configured)).outs).toMatchObject({ ...configured, flowSlug: "enrollment", status: "pending" });
});

describe("an equal invitation of another stack", () => {
  test("is not adopted if this request created its own", async () => {
    const server = await startEmbedded();
    const otherPk = await createFromOtherStack(server);
    server.injectFailure({ method: "POST", when: "after", status: 502 });
    const { outs } = await issue();
    expect(outs["pk"]).not.toBe(otherPk);
    expect((await listInvitations(server)).map(({ pk }) => pk).sort()).toEqual([otherPk, outs["pk"]].sort());
  });

  test("is not adopted if this request was not carried out: it fails after three lookups", async () => {
    const server = await startEmbedded();
    const otherPk = await createFromOtherStack(server);
    server.requests.length = 0;
    server.injectFailure({ method: "POST", when: "before", status: 502 });
    const origin = newOrigin();
    const startedAt = performance.now();
    const error = await catchError(issue({ __origin: origin }));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3990);
    expect(error.message).toBe(
      `authentik or a proxy in front of it is unavailable: POST ${invitationsPath} returned 502. authentik's event log has no object that this request created. Run \`pulumi up\` again. If authentik did create the object and its event arrives late, that run warns about it.`,
    );
    const nonce = parseOrigin(origin)?.nonce ?? "";
    expectSafe(error, server, otherPk, nonce);
    expect(requestsOf(server, "GET", nonce)).toHaveLength(3);
    expect(requestsOf(server, "POST")).toHaveLength(1);
    expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([otherPk]);
    expect(warnings()).toEqual([]);
  });
});

test("reports an unknown outcome if the lookup in the event log fails", async () => {
  const server = await startEmbedded();
  server.injectFailure({ method: "POST", when: "after", disconnect: true });
  server.injectFailure({ method: "GET", path: /events/, status: 500, body: htmlPage, times: 10 });
  const error = await catchError(issue());
  expect(error.message).toMatch(/^The connection to authentik at http:.* was closed unexpectedly: POST /);
  expect(error.message).toContain(
    'Whether authentik created invitation "jane" is unknown, because the lookup failed as well: Could not look up the create request in authentik\'s event log: GET /api/v3/events/events/ returned 500',
  );
  expect(error.message).toMatch(
    / Check authentik before you run `pulumi up` again, and import it with the resource option import if it exists\.$/,
  );
  const [created] = await listInvitations(server);
  expectSafe(error, server, created?.pk ?? "");
  expect(requestsOf(server, "POST")).toHaveLength(1);
});

test("does not look for an adopted invitation that was used in the meantime, and reports an unknown outcome", async () => {
  const server = await startEmbedded();
  server.injectFailure({ method: "POST", when: "after", disconnect: true });
  server.injectFailure({
    method: "GET",
    path: /invitations\/[0-9a-f-]{36}\/$/,
    status: 404,
    headers: { "content-type": "application/json" },
    body: '{"detail":"Not found."}',
  });
  const error = await catchError(issue());
  const [created] = await listInvitations(server);
  expect(error.message).toContain('Whether authentik created invitation "jane" is unknown');
  expectSafe(error, server, created?.pk ?? "");
});

test.each([400, 403, 404, 409, 413])("does not look up anything after %d", async (status) => {
  const server = await startEmbedded();
  server.injectFailure({
    method: "POST",
    status,
    headers: { "content-type": "application/json" },
    body: '{"detail":"No."}',
  });
  const origin = newOrigin();
  await catchError(issue({ __origin: origin }));
  expect(requestsOf(server, "GET", parseOrigin(origin)?.nonce)).toEqual([]);
  expect(requestsOf(server, "POST")).toHaveLength(1);
  expect(await listInvitations(server)).toEqual([]);
});

describe("429, which authentik did not carry out,", () => {
  test.each([
    ["seconds", () => "1"],
    ["a date", () => new Date(Date.now() + 1000).toUTCString()],
    ["no Retry-After", () => undefined],
  ])("is retried and creates exactly one invitation: %s", async (_case, retryAfter) => {
    const server = await startEmbedded();
    const wait = retryAfter();
    server.injectFailure({
      method: "POST",
      status: 429,
      times: 2,
      ...(wait === undefined ? {} : { headers: { "retry-after": wait } }),
    });
    const { outs } = await issue();
    expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
    expect(requestsOf(server, "POST").map(({ status }) => status)).toEqual([429, 429, 201]);
    expect(warnings()).toEqual([]);
  });

  test("fails after five attempts, without a lookup and without an invitation", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", status: 429, times: 5 });
    const origin = newOrigin();
    const { message } = await catchError(issue({ __origin: origin }));
    expect(message).toBe(`authentik limits the rate of requests: POST ${invitationsPath} returned 429. Retry later.`);
    expect(requestsOf(server, "POST")).toHaveLength(5);
    expect(requestsOf(server, "GET", parseOrigin(origin)?.nonce)).toEqual([]);
    expect(await listInvitations(server)).toEqual([]);
  });

  test("is followed by a lookup if the response to the second attempt is lost", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", status: 429 });
    server.injectFailure({ method: "POST", when: "after", status: 502 });
    const { outs } = await issue();
    expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
    expect(warnings()).toEqual([adoptionWarning('Invitation "jane"')]);
  });
});

test("retries the POST after a refused connection, which sent nothing, without a lookup", async () => {
  const port = await findFreePort();
  const settings: Record<string, string> = { "authentik:url": `http://127.0.0.1:${port}`, "authentik:token": "t0ken" };
  await invitationProvider.configure({ config: { get: (key) => settings[key] } });
  const creation = issue();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const server = await startEmbedded({ port, token: "t0ken" });
  const { outs } = await creation;
  expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
  expect(requestsOf(server, "POST")).toHaveLength(1);
  expect(warnings()).toEqual([]);
});

describe("equal invitations that are created concurrently", () => {
  test("are each adopted by the resource whose request created it if all responses are lost", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", when: "after", disconnect: true, times: 3 });
    const created = await Promise.all(["a", "b", "c"].map((name) => issue({ __origin: newOrigin(name) })));
    const pks = created.map(({ outs }) => String(outs["pk"]));
    expect((await listInvitations(server)).map(({ pk }) => pk).sort()).toEqual([...pks].sort());
    expect(requestsOf(server, "POST")).toHaveLength(3);
    for (const { outs } of created) {
      const nonce = parseOrigin(outs["__origin"])?.nonce ?? "";
      const post = requestsOf(server, "POST").findIndex(({ userAgent }) => userAgent?.includes(nonce));
      expect(post).toBeGreaterThanOrEqual(0);
    }
  });

  test("fail where the request was not carried out, and adopt none of the others", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", when: "before", status: 504 });
    const results = await Promise.allSettled(["a", "b"].map((name) => issue({ __origin: newOrigin(name) })));
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await listInvitations(server)).toHaveLength(1);
  });
});

describe("without permission to read the event log", () => {
  test.each(["expires", "validFor"])("adopts no invitation with %s, and says how to import it", async (expiry) => {
    const server = await startEmbedded();
    await useEmbedded(server, server.addUser("writer", permissionsWithoutEvents));
    server.injectFailure({ method: "POST", when: "after", status: 502 });
    const error = await catchError(issue(expiry === "expires" ? {} : { expires: undefined, validFor: "14d" }));
    expect(error.message).toBe(
      `authentik or a proxy in front of it is unavailable: POST ${invitationsPath} returned 502. Whether authentik created invitation "jane" is unknown, because the token's user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends). Check authentik before you run \`pulumi up\` again, and import it with the resource option import if it exists.`,
    );
    const created = await listInvitations(server);
    expect(created).toHaveLength(1);
    expectSafe(error, server, created[0]?.pk ?? "");
    expect(requestsOf(server, "POST")).toHaveLength(1);
    expect(warnings()).toEqual([]);
  });
});

describe("a stage, a flow and a binding", () => {
  interface Kind {
    readonly displayName: RegExp;
    readonly path: RegExp;
    readonly model: string;
    create(): Promise<{ id: string }>;
  }

  /** Prepares the server, and returns each kind with its create operation. */
  async function prepare(server: Authentik): Promise<readonly Kind[]> {
    const stage = await server.request("POST", "/api/v3/stages/invitation/stages/", { name: "existing" });
    const existingFlow = { name: "x", slug: "existing", title: "x", designation: "enrollment" };
    await server.request("POST", "/api/v3/flows/instances/", existingFlow);
    server.requests.length = 0;
    const binding = { target: "existing", stage: (stage.body as { pk: string }).pk, order: 10 };
    const flow = { name: "Staff", slug: "staff", title: "Welcome", designation: "enrollment" };
    const checked = async (provider: typeof flowProvider | typeof flowStageBindingProvider, news: Properties) =>
      (await provider.check({}, { ...news, __origin: newOrigin(JSON.stringify(news)) })).inputs as Properties;
    return [
      {
        displayName: /^Invitation stage "invitation": /,
        path: /\/stages\/invitation\/stages\/$/,
        model: "invitationstage",
        create: () =>
          invitationStageProvider.create({
            name: "invitation",
            continueFlowWithoutInvitation: false,
            __origin: newOrigin("stage"),
          }),
      },
      {
        displayName: /^Flow "staff": /,
        path: /\/flows\/instances\/$/,
        model: "flow",
        create: async () => flowProvider.create(await checked(flowProvider, flow)),
      },
      {
        displayName: /^Binding ".*": /,
        path: /\/flows\/bindings\/$/,
        model: "flowstagebinding",
        create: async () => flowStageBindingProvider.create(await checked(flowStageBindingProvider, binding)),
      },
    ];
  }

  /** The pks, in hex, of the objects of this model that requests of the providers created. */
  async function createdPks(server: Authentik, model: string): Promise<string[]> {
    const { body } = await server.request("GET", "/api/v3/events/events/?action=model_created&page_size=100");
    type Event = { context: { model: { pk: string; model_name: string }; http_request: { user_agent: string } } };
    return (body as { results: Event[] }).results
      .filter(({ context }) => context.model.model_name === model && context.http_request.user_agent.includes("; "))
      .map(({ context }) => context.model.pk);
  }

  const postCount = (server: Authentik, path: RegExp): number =>
    requestsOf(server, "POST").filter((request) => path.test(request.path)).length;

  test("are adopted if the event log has their create request", async () => {
    const server = await startEmbedded();
    for (const { displayName, path, model, create } of await prepare(server)) {
      warn.mockClear();
      server.injectFailure({ method: "POST", path, when: "after", disconnect: true });
      const { id } = await create();
      expect(await createdPks(server, model)).toEqual([id.replaceAll("-", "")]);
      expect(postCount(server, path)).toBe(1);
      expect(warnings()).toEqual([expect.stringMatching(displayName)]);
      expect(warnings()[0]).toMatch(/authentik had created it; adopted the existing one\.$/);
    }
  });

  test("are not adopted if the request was not carried out", async () => {
    const server = await startEmbedded();
    const kinds = await prepare(server);
    for (const { path } of kinds) server.injectFailure({ method: "POST", path, when: "before", status: 502 });
    const errors = await Promise.all(kinds.map(({ create }) => catchError(create())));
    for (const [index, { path, model }] of kinds.entries()) {
      const error = errors[index] ?? new Error();
      expect(error.message).toMatch(
        /authentik's event log has no object that this request created\. Run `pulumi up` again\. If authentik did create the object and its event arrives late, that run warns about it\.$/,
      );
      expectSafe(error, server);
      expect(postCount(server, path)).toBe(1);
      expect(await createdPks(server, model)).toEqual([]);
    }
  });

  test("are not adopted without permission to read the event log", async () => {
    const server = await startEmbedded();
    const kinds = await prepare(server);
    await useEmbedded(server, server.addUser("writer", permissionsWithoutEvents));
    for (const { path, model, create } of kinds) {
      server.injectFailure({ method: "POST", path, when: "after", status: 504 });
      const error = await catchError(create());
      expect(error.message).toMatch(/ is unknown, because the token's user is not allowed to read the event log /);
      expect(error.message).toMatch(/import it with the resource option import if it exists\.$/);
      expectSafe(error, server, ...(await createdPks(server, model)));
      expect(postCount(server, path)).toBe(1);
    }
  });
});
