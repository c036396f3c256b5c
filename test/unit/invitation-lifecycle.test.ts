import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { invitationId } from "../../provider/common/pk";
import { catchError } from "./support/catch-error";
import { eventsPath } from "./support/events";
import {
  authentikUrl,
  configureWith,
  expectAllMocksUsed,
  mockResponse,
  requestLines,
  sentRequests,
  useHttpMocks,
} from "./support/http-mocks";
import { diffInvitation, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";
import {
  type Body,
  flowBody,
  flowPk,
  htmlPage,
  invitationBody,
  invitationBodyWithFlow,
  otherFlowPk,
  pageBody,
  pk,
} from "./support/response-bodies";
import "./support/warnings";

const invitationsPath = "/stages/invitation/invitations/";
const invitationPath = `${invitationsPath}${pk}/`;
const flowsPath = "/flows/instances/";
const id = invitationId(pk);
const link = `${authentikUrl}/if/flow/enrollment/?itoken=${pk}`;
const flowLookup = (slug: string): string => `GET ${flowsPath}?slug=${slug}&ordering=pk&page_size=500&page=1`;
const withFlow = { flow: "enrollment", flowPk, flowSlug: "enrollment" };
const fourteenDays = { validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" };
const unchanged = { changes: false, replaces: [] };

async function create(changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const created = await invitationProvider.create(invitationInputs(changes));
  return { id: created.id, outs: created.outs as Properties };
}

async function update(olds: Properties, changes: Properties): Promise<Properties> {
  const { outs } = await invitationProvider.update(id, invitationState(olds), invitationInputs(changes));
  return outs as Properties;
}

function mockFlows(...bodies: readonly Body[]): void {
  mockResponse("GET", flowsPath, 200, pageBody(bodies));
}

useHttpMocks(invitationProvider);

describe("create", () => {
  test("sends every property, and returns the state from the response and the opaque id of the pk", async () => {
    const fixedData = { email: "jane@example.com", attributes: { team: "backend" }, none: null };
    const stored = { fixed_data: fixedData, single_use: true };
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow({ ...stored, unknown_field: { a: 1 } }));
    const { id: createdId, outs } = await create({ fixedData, singleUse: true, flow: flowPk });
    expect(sentRequests.map(({ body }) => body)).toEqual([
      { name: "jane", expires: "2031-05-06T07:08:09Z", ...stored, flow: flowPk },
    ]);
    expect(createdId).toBe(invitationId(pk));
    expect(outs).toEqual({
      name: "jane",
      expires: "2031-05-06T07:08:09Z",
      fixedData,
      singleUse: true,
      flow: flowPk,
      pk,
      status: "pending",
      issuedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      flowPk,
      flowSlug: "enrollment",
      link,
      createdBy: "akadmin",
    });
  });

  test("looks up a slug once for 20 concurrent creates, and each slug separately", async () => {
    mockFlows(flowBody());
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow(), { times: 21 });
    const created = await Promise.all(
      Array.from({ length: 20 }, (_, index) => create({ name: `n${index}`, flow: " enrollment " })),
    );
    expect(created[0]?.outs).toMatchObject({ ...withFlow, flow: " enrollment " });
    expect(requestLines()).toEqual([flowLookup("enrollment"), ...Array(20).fill(`POST ${invitationsPath}`)]);
    mockFlows(flowBody({ pk: otherFlowPk, slug: "guests" }));
    await create({ flow: "guests" });
    expect(sentRequests.at(1)?.body).toMatchObject({ flow: flowPk });
    expect(sentRequests.at(-1)?.body).toMatchObject({ flow: otherFlowPk });
  });

  test("normalizes a UUID, without a lookup", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    const flow = flowPk.replaceAll("-", "").toUpperCase();
    const { outs } = await create({ flow });
    expect(sentRequests.map(({ body }) => body)).toEqual([expect.objectContaining({ flow: flowPk })]);
    expect(outs).toMatchObject({ flow, flowPk });
  });

  test("fails if no flow has the slug, and sends no POST", async () => {
    mockFlows();
    const { message, stack } = await catchError(create({ flow: "no-such-flow" }));
    expect(message).toBe(
      'flow: authentik has no flow with the slug "no-such-flow" that the token\'s user is allowed to view (permission authentik_flows.view_flow). Correct the slug, or create the flow first.',
    );
    expect(stack).toBe("");
    expect(requestLines()).toEqual([flowLookup("no-such-flow")]);
  });

  test.each([
    ["found no flow, which may exist by now", 200, pageBody([])],
    ["failed", 500, htmlPage],
  ])("repeats a lookup of a slug that %s", async (_case, status, body) => {
    mockResponse("GET", flowsPath, status, body);
    mockFlows(flowBody());
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    await catchError(create({ flow: "enrollment" }));
    expect((await create({ flow: "enrollment" })).outs).toMatchObject({ flowPk });
  });

  test("counts validFor from the time of issue", async () => {
    const before = Date.now();
    mockResponse("POST", invitationsPath, 201, invitationBody());
    const { outs } = await create({ validFor: "14d" });
    const sent = sentRequests[0]?.body as { expires: string };
    expect(sent.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const issuedAt = Date.parse(sent.expires) - 14 * 86_400_000;
    expect(issuedAt).toBe(Date.parse(outs["issuedAt"] as string));
    expect(issuedAt).toBeGreaterThan(before - 1000);
    expect(issuedAt).toBeLessThanOrEqual(Date.now());
  });

  test.each(["2031-05-06t07:08:09z", "2031-05-06T07:08:09z", "2031-05-06t09:08:09+02:00"])(
    "sends %s in a form that authentik accepts",
    async (expires) => {
      mockResponse("POST", invitationsPath, 201, invitationBody());
      await create({ expires });
      expect(sentRequests[0]?.body).toMatchObject({ expires: expires.toUpperCase() });
    },
  );

  test("accepts a response without a creator", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBody({ created_by: null }));
    expect((await create()).outs).not.toHaveProperty("createdBy");
  });

  test("breaks up color directives in values that others have set: Pulumi displays them, and crashes on an unknown one", async () => {
    const fields = { fixed_data: { "<{%a%}>": ["<{%bogus%}>"] }, created_by: { username: "<{%fg 9%}>" } };
    mockResponse("POST", invitationsPath, 201, invitationBody(fields), { times: 2 });
    expect((await create()).outs).toMatchObject({
      fixedData: { "< {%a%}>": ["< {%bogus%}>"] },
      createdBy: "< {%fg 9%}>",
    });
    // What the program declares stays as it is.
    const declared = { "<{%a%}>": ["<{%bogus%}>"] };
    expect((await create({ fixedData: declared })).outs).toMatchObject({ fixedData: declared });
  });
});

// That inputs come back as configured, and cause no changes, is proven by test/hostile/inputs.test.ts.
describe("update", () => {
  test("sends one PUT with the complete state, without a lookup if the flow stays", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBodyWithFlow({ name: "john" }));
    const outs = await update(withFlow, { name: "john", flow: "enrollment" });
    const body = { name: "john", expires: "2031-05-06T07:08:09Z", fixed_data: {}, single_use: false, flow: flowPk };
    expect(sentRequests).toEqual([{ method: "PUT", path: invitationPath, body }]);
    expect(outs).toEqual({ ...invitationState(withFlow), name: "john", link });
  });

  test("looks up a new slug", async () => {
    mockFlows(flowBody());
    mockResponse("PUT", invitationPath, 200, invitationBodyWithFlow());
    expect(await update({}, { flow: "enrollment" })).toMatchObject(withFlow);
    expect(requestLines()).toEqual([flowLookup("enrollment"), `PUT ${invitationPath}`]);
  });

  test("removes the flow with null", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBody());
    const outs = await update(withFlow, {});
    expect(sentRequests[0]?.body).toMatchObject({ flow: null });
    expect(Object.keys(outs)).toEqual(expect.not.arrayContaining(["flow", "flowPk", "flowSlug"]));
  });

  test("counts a new validFor from the original time of issue", async () => {
    const expires = "2031-05-07T00:00:00Z";
    mockResponse("PUT", invitationPath, 200, invitationBody({ expires }));
    const issuedAt = "2031-05-01T00:00:00Z";
    const outs = await update({ validFor: "5d", issuedAt, expires: "2031-05-06T00:00:00Z" }, { validFor: "6d" });
    expect(sentRequests[0]?.body).toMatchObject({ expires });
    expect(outs).toMatchObject({ validFor: "6d", expires, issuedAt });
  });

  test("of an invitation whose flow was recreated with the same slug suggests `pulumi up --refresh`", async () => {
    mockResponse("PUT", invitationPath, 400, { flow: [`Invalid pk "${flowPk}" - object does not exist.`] });
    const { message, stack } = await catchError(update(withFlow, { flow: "enrollment", singleUse: true }));
    expect(message).toMatch(
      /^flow: authentik rejected the stored pk of the flow "enrollment": Invalid pk .* Run `pulumi up --refresh`\.$/,
    );
    expect(stack).toBe("");
  });
});

describe("read", () => {
  const guests = { flow: otherFlowPk, flow_obj: flowBody({ pk: otherFlowPk, slug: "guests" }) };
  const renamed = { flow: flowPk, flow_obj: flowBody({ slug: "renamed" }) };
  const enrollment = { flow: flowPk, flow_obj: flowBody() };

  test.each<[string, Properties, Body, Properties, Properties]>([
    ["another flow by its slug", withFlow, guests, { flow: "guests" }, { flowPk: otherFlowPk, flowSlug: "guests" }],
    ["another flow by its pk", { ...withFlow, flow: flowPk }, guests, { flow: otherFlowPk }, { flowSlug: "guests" }],
    ["a renamed flow by its new slug", withFlow, renamed, { flow: "renamed" }, { flowPk, flowSlug: "renamed" }],
    ["a renamed flow by its pk", { ...withFlow, flow: flowPk }, renamed, { flow: flowPk }, { flowSlug: "renamed" }],
    ["no flow if it was deleted", withFlow, {}, { flow: undefined }, { flow: undefined, flowSlug: undefined }],
    ["a flow that was added outside Pulumi", {}, enrollment, { flow: "enrollment" }, withFlow],
    ["a changed expiry", {}, { expires: "2032-01-01T00:00:00Z" }, { expires: "2032-01-01T00:00:00Z" }, {}],
    ["that the expiry was removed", {}, { expires: null }, { expires: undefined }, { status: "pending" }],
    [
      "each property that was changed",
      { fixedData: { a: 1 } },
      { name: "john", fixed_data: { a: 2, b: 3 }, single_use: true },
      { ...invitationInputs(), name: "john", fixedData: { a: 2, b: 3 }, singleUse: true },
      { status: "pending" },
    ],
    [
      "validFor as configured",
      { ...fourteenDays, validFor: "2 weeks" },
      {},
      { validFor: "2 weeks", expires: undefined },
      { validFor: "2 weeks", expires: "2031-05-06T07:08:09Z" },
    ],
    [
      "a changed expiry as a duration if validFor is configured",
      fourteenDays,
      { expires: "2031-05-07T07:08:09Z" },
      { validFor: "15d", expires: undefined },
      { validFor: "15d", expires: "2031-05-07T07:08:09Z" },
    ],
    [
      "an expiry before the time of issue as an instant, because no duration results in it",
      fourteenDays,
      { expires: "2001-01-01T00:00:00Z" },
      { expires: "2001-01-01T00:00:00Z", validFor: undefined },
      { status: "expired" },
    ],
    [
      "that the invitation has expired",
      { expires: "2001-02-03T04:05:06Z" },
      { expires: "2001-02-03T04:05:06Z" },
      {},
      { status: "expired" },
    ],
    [
      "that the invitation expires in the year 9999",
      { expires: "9999-12-31T23:59:59Z" },
      { expires: "9999-12-31T23:59:59Z" },
      {},
      { status: "pending" },
    ],
  ])("shows %s", async (_case, olds, body, expectedInputs, expectedOutputs) => {
    mockResponse("GET", invitationPath, 200, invitationBody(body));
    const { inputs, props } = await refresh(invitationState(olds));
    // A property that is undefined is omitted, because Pulumi cannot serialize it.
    const expectProperties = (actual: Properties, expected: Properties): void => {
      const names = Object.keys(expected);
      const present = Object.entries(actual).filter(([name]) => names.includes(name));
      expect(Object.fromEntries(present)).toStrictEqual(JSON.parse(JSON.stringify(expected)));
    };
    expectProperties(inputs, expectedInputs);
    expectProperties(props, expectedOutputs);
  });

  test("finds an invitation by its pk alone, in any spelling (Invitation.get)", async () => {
    mockResponse("GET", invitationPath, 200, invitationBodyWithFlow({ fixed_data: { a: 1 } }));
    const found = await refresh({ pk: pk.replaceAll("-", "").toUpperCase() });
    expect(found.id).toBe(id);
    expect(found.props).toMatchObject({ name: "jane", pk, flow: "enrollment", fixedData: { a: 1 }, singleUse: false });
  });

  test.each([{}, { pk: "" }, { pk: "0123456789abcdef" }])("explains what to use if %j has no pk", async (olds) => {
    const { message, stack } = await catchError(invitationProvider.read(id, olds));
    expect(message).toBe(
      "The id that Invitation.get reads must be the pk of the invitation, a UUID. To adopt one that exists, use the resource option import, not the option id.",
    );
    expect(stack).toBe("");
    expect(requestLines()).toEqual([]);
  });
});

test("an expiry with microseconds that was set outside Pulumi is drift once", async () => {
  mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2031-05-06T07:08:09.000001Z" }), { times: 2 });
  mockResponse("GET", eventsPath, 200, pageBody([]));
  const first = await refresh(invitationState(fourteenDays));
  expect(first.inputs).toMatchObject({ validFor: "1209600000.001ms" });
  expect(await diffInvitation(first.props, invitationInputs({ validFor: "14d" }))).toEqual({
    changes: true,
    replaces: [],
  });
  // Without a request to the event log: nothing changed since.
  expect((await refresh(first.props)).inputs).toEqual(first.inputs);
  expectAllMocksUsed();
});

test("an expiry that an earlier version counted with 365.25 days a year is kept, and a new one has 365", async () => {
  const expires = "2031-05-06T06:00:00Z";
  const old = invitationState({ validFor: "1y", issuedAt: "2030-05-06T00:00:00Z", expires });
  expect(await diffInvitation(old, invitationInputs({ validFor: "1y" }))).toEqual(unchanged);
  mockResponse("GET", invitationPath, 200, invitationBody({ expires }));
  expect((await refresh(old)).inputs).toMatchObject({ validFor: "1y" });
  mockResponse("PUT", invitationPath, 200, invitationBody({ expires, single_use: true }));
  await update(old, { validFor: "1y", singleUse: true });
  expect(sentRequests.at(-1)?.body).toMatchObject({ expires });
  expect(await diffInvitation(old, invitationInputs({ validFor: "2y" }))).toMatchObject({ changes: true });
  mockResponse("PUT", invitationPath, 200, invitationBody({ expires: "2032-05-05T00:00:00Z" }));
  await update(old, { validFor: "2y" });
  expect(sentRequests.at(-1)?.body).toMatchObject({ expires: "2032-05-05T00:00:00Z" });
});

// What an import reads, and what it reports, is proven by test/engine/import.test.ts.
describe("adoption", () => {
  let pkCount = 0;
  /** Each test adopts its own pk, because the process remembers them. */
  function mockInvitation(body: Body = {}): string {
    pkCount += 1;
    const adopted = `bbbbbbbb-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBody({ pk: adopted, ...body }));
    return adopted;
  }

  test("with validFor derives the time of issue from the expiry, to the microsecond, and a refresh finds no drift", async () => {
    const expires = "2031-05-06T07:08:09.123456Z";
    const adopted = mockInvitation({ expires });
    const { outs } = await create({ validFor: "3650d", import: adopted });
    expect(outs).toMatchObject({ validFor: "3650d", expires, issuedAt: "2021-05-08T07:08:09.123456Z" });
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBody({ pk: adopted, expires }));
    expect((await refresh(outs)).inputs).toMatchObject({ validFor: "3650d" });
  });

  test("fails if the invitation would have been issued in the future", async () => {
    const error = await catchError(create({ import: mockInvitation(), validFor: "1h" }));
    expect(error.message).toContain("it differs from the program in validFor.");
  });

  test("ignores the connection when comparing", async () => {
    await configureWith(invitationProvider, { "staging:url": authentikUrl, "staging:token": "x" });
    const { outs } = await create({ import: mockInvitation(), connection: "staging" });
    expect(outs).toMatchObject({ connection: "staging" });
  });
});
