import {
  Flow as flowProvider,
  FlowStageBinding as flowStageBindingProvider,
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { parseOrigin } from "../../provider/common/origin";
import type { Authentik } from "../../sandbox";
import { catchError } from "./support/catch-error";
import {
  closeEmbedded,
  listInvitations,
  newOrigin,
  permissionsWithoutEvents,
  startEmbedded,
  useEmbedded,
} from "./support/embedded-authentik";
import { invitationInputs, type Properties } from "./support/invitation";
import { warnings } from "./support/warnings";

const invitationsPath = "/api/v3/stages/invitation/invitations/";

// These tests wait in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

afterEach(closeEmbedded);

async function issue(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationProvider.create(invitationInputs({ __origin: newOrigin(), ...changes }));
  return { id, outs: outs as Properties };
}

const adoptionWarning =
  'Invitation "jane": the response to the create request was lost. authentik had created it; adopted the existing one.';

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

// What each failure of a create request leads to, for each kind of object, is proven by test/failures.
test("a lookup in the event log finds and adopts what the request created, with a warning", async () => {
  const server = await startEmbedded();
  server.injectFailure({ method: "POST", when: "after", disconnect: true });
  const origin = newOrigin();
  const { outs } = await issue({ __origin: origin });
  const [created, ...others] = await listInvitations(server);
  expect(others).toEqual([]);
  expect(outs).toMatchObject({ pk: created?.pk, name: "jane", __origin: origin });
  const nonce = parseOrigin(origin)?.nonce ?? "";
  expect(requestsOf(server, "POST").map(({ userAgent }) => userAgent)).toEqual([
    expect.stringContaining(`; ${nonce})`),
  ]);
  expect(requestsOf(server, "GET", nonce).map(({ query }) => query)).toEqual([
    `search=${nonce}&ordering=-created&page_size=100&action=model_created`,
  ]);
  expect(warnings()).toEqual([adoptionWarning]);
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
  server.instance.flows.add({ name: "x", slug: "enrollment", title: "x", designation: "enrollment" });
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

test("looks up the invitation if the response to the attempt after a 429 is lost", async () => {
  const server = await startEmbedded();
  server.injectFailure({ method: "POST", status: 429 });
  server.injectFailure({ method: "POST", when: "after", status: 502 });
  const { outs } = await issue();
  expect((await listInvitations(server)).map(({ pk }) => pk)).toEqual([outs["pk"]]);
  expect(warnings()).toEqual([adoptionWarning]);
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
      const { body } = await server.request(
        "GET",
        `/api/v3/events/events/?search=${parseOrigin(outs["__origin"])?.nonce}&action=model_created`,
      );
      const pk = String(outs["pk"]).replaceAll("-", "");
      expect(body).toMatchObject({ results: [{ context: { model: { pk } } }] });
    }
  });

  test("fail after three lookups where the request was not carried out, and adopt none of the others", async () => {
    const server = await startEmbedded();
    server.injectFailure({ method: "POST", when: "before", status: 504 });
    const startedAt = performance.now();
    const origins = [newOrigin("a"), newOrigin("b")];
    const results = await Promise.allSettled(origins.map((origin) => issue({ __origin: origin })));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3990);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const failed = results.findIndex(({ status }) => status === "rejected");
    const { reason } = results[failed] as PromiseRejectedResult;
    expect(reason.message).toBe(
      `authentik or a proxy in front of it is unavailable: POST ${invitationsPath} returned 504. authentik's event log has no object that this request created. Run \`pulumi up\` again. If authentik did create the object and its event arrives late, that run warns about it.`,
    );
    const [{ pk } = { pk: "" }, ...others] = await listInvitations(server);
    expect(others).toEqual([]);
    const nonce = parseOrigin(origins[failed])?.nonce ?? "";
    expectSafe(reason, server, pk, nonce);
    expect(requestsOf(server, "GET", nonce)).toHaveLength(3);
    expect(requestsOf(server, "POST")).toHaveLength(2);
    expect(warnings()).toEqual([]);
  });
});

test("a flow of another run is not adopted if the create request was not carried out", async () => {
  const server = await startEmbedded();
  const create = async (): Promise<unknown> => {
    const news = { name: "Staff", slug: "staff", title: "Welcome", designation: "enrollment", __origin: newOrigin() };
    const { inputs } = await flowProvider.check({}, news);
    return await flowProvider.create(inputs);
  };
  await create();
  server.injectFailure({ method: "POST", path: /instances\/$/, when: "before", status: 502 });
  const { message } = await catchError(create());
  expect(message).toContain("authentik's event log has no object that this request created");
  expect(server.instance.flows.findBySlug("staff")).toBeDefined();
  expect(warnings()).toEqual([]);
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

test("a stage, a flow and a binding are not adopted without permission to read the event log", async () => {
  const server = await startEmbedded();
  const { flows, stages } = server.instance;
  flows.add({ name: "x", slug: "existing", title: "x", designation: "enrollment" });
  const stage = stages.add({ name: "existing" }).pk;
  await useEmbedded(server, server.addUser("writer", permissionsWithoutEvents));
  for (const [provider, path, news] of [
    [invitationStageProvider, /\/stages\/$/, { name: "invitation" }],
    [flowProvider, /\/instances\/$/, { name: "Staff", slug: "staff", title: "x", designation: "enrollment" }],
    [flowStageBindingProvider, /\/bindings\/$/, { target: "existing", stage, order: 10 }],
  ] as const) {
    server.injectFailure({ method: "POST", path, when: "after", status: 504 });
    server.requests.length = 0;
    const { inputs } = await provider.check({}, { ...news, __origin: newOrigin(path.source) });
    const error = await catchError((provider as typeof invitationStageProvider).create(inputs as Properties));
    expect(error.message).toMatch(
      / is unknown, because the token's user is not allowed to read the event log .* import it with the resource option import if it exists\.$/,
    );
    expectSafe(error, server);
    expect(requestsOf(server, "POST")).toHaveLength(1);
  }
});
