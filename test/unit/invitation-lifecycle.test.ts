import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { invitationId } from "../../provider/common/pk";
import { catchError } from "./support/catch-error";
import {
  authentikUrl,
  configureWith,
  expectAllMocksUsed,
  mockResponse,
  requestLines,
  resetHttpMocks,
  sentRequests,
  settings,
} from "./support/http-mocks";
import { diffInvitation, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";
import {
  flowBody,
  flowPk,
  htmlPage,
  invitationBody,
  invitationBodyWithFlow,
  notFoundBody,
  otherFlowPk,
  pageBody,
  pk,
} from "./support/response-bodies";

const invitationsPath = "/stages/invitation/invitations/";
const invitationPath = `${invitationsPath}${pk}/`;
const id = invitationId(pk);
const flowLookup = (slug: string): string => `GET /flows/instances/?slug=${slug}&ordering=pk&page_size=500&page=1`;

async function create(inputs: Properties): Promise<{ id: string; outs: Properties }> {
  const created = await invitationProvider.create(inputs);
  return { id: created.id, outs: created.outs as Properties };
}

async function update(olds: Properties, news: Properties): Promise<Properties> {
  return (await invitationProvider.update(id, olds, news)).outs as Properties;
}

/** The provider reports drift with `console.warn`. */
const warn = jest.spyOn(console, "warn").mockImplementation();

beforeEach(async () => {
  resetHttpMocks();
  warn.mockClear();
  await configureWith(invitationProvider, settings);
});
afterEach(expectAllMocksUsed);

describe("create", () => {
  test("sends one POST with the complete declared state", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBody());
    await create(invitationInputs());
    expect(sentRequests).toEqual([
      {
        method: "POST",
        path: invitationsPath,
        body: { name: "jane", expires: "2031-05-06T07:08:09Z", fixed_data: {}, single_use: false, flow: null },
      },
    ]);
  });

  test("sends every property", async () => {
    const fixedData = { email: "jane@example.com", attributes: { team: "backend" } };
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow({ fixed_data: fixedData, single_use: true }));
    await create(invitationInputs({ fixedData, singleUse: true, flow: flowPk }));
    expect(sentRequests).toEqual([
      expect.objectContaining({
        body: { name: "jane", expires: "2031-05-06T07:08:09Z", fixed_data: fixedData, single_use: true, flow: flowPk },
      }),
    ]);
  });

  test("returns the state from the response, and the opaque id of the pk", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow({ fixed_data: { a: 1 }, single_use: true }));
    const { id, outs } = await create(invitationInputs({ fixedData: { a: 1 }, singleUse: true, flow: flowPk }));
    expect(id).toBe(invitationId(pk));
    expect(outs).toEqual({
      name: "jane",
      expires: "2031-05-06T07:08:09Z",
      fixedData: { a: 1 },
      singleUse: true,
      flow: flowPk,
      pk,
      status: "pending",
      issuedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      flowPk,
      flowSlug: "enrollment",
      link: `${authentikUrl}/if/flow/enrollment/?itoken=${pk}`,
      createdBy: "akadmin",
    });
  });

  test("stores at most 1 kB without fixedData", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    const inputs = invitationInputs({ flow: "enrollment" });
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    const { outs } = await create(inputs);
    expect(JSON.stringify({ inputs, outputs: outs }).length).toBeLessThanOrEqual(1024);
  });

  test("looks up a slug with one request", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    const { outs } = await create(invitationInputs({ flow: " enrollment " }));
    expect(requestLines()).toEqual([flowLookup("enrollment"), `POST ${invitationsPath}`]);
    expect(sentRequests[1]?.body).toMatchObject({ flow: flowPk });
    expect(outs).toMatchObject({ flow: " enrollment ", flowPk, flowSlug: "enrollment" });
  });

  test("looks up a slug once for 20 concurrent creates", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow(), { times: 20 });
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => create(invitationInputs({ name: `n${index}`, flow: "enrollment" }))),
    );
    expect(requestLines().filter((line) => line.startsWith("GET"))).toEqual([flowLookup("enrollment")]);
    expect(requestLines().filter((line) => line.startsWith("POST"))).toHaveLength(20);
  });

  test("looks up each slug separately", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody({ pk: otherFlowPk, slug: "guests" })]));
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow(), { times: 2 });
    await create(invitationInputs({ flow: "enrollment" }));
    await create(invitationInputs({ flow: "guests" }));
    expect(sentRequests.filter(({ method }) => method === "POST").map(({ body }) => body)).toEqual([
      expect.objectContaining({ flow: flowPk }),
      expect.objectContaining({ flow: otherFlowPk }),
    ]);
  });

  test("normalizes a UUID, without a lookup", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    const flow = flowPk.replaceAll("-", "").toUpperCase();
    const { outs } = await create(invitationInputs({ flow }));
    expect(sentRequests.map(({ body }) => body)).toEqual([expect.objectContaining({ flow: flowPk })]);
    expect(outs).toMatchObject({ flow, flowPk });
  });

  test("fails if no flow has the slug, and sends no POST", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([]));
    const { message, stack } = await catchError(create(invitationInputs({ flow: "no-such-flow" })));
    expect(message).toBe(
      'flow: authentik has no flow with the slug "no-such-flow" that the token\'s user is allowed to view (permission authentik_flows.view_flow). Correct the slug, or create the flow first.',
    );
    expect(stack).toBe("");
    expect(requestLines()).toEqual([flowLookup("no-such-flow")]);
  });

  test("repeats the lookup of a slug that no flow had, because the flow may exist by now", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([]));
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    await catchError(create(invitationInputs({ flow: "enrollment" })));
    expect((await create(invitationInputs({ flow: "enrollment" }))).outs).toMatchObject({ flowPk });
  });

  test("repeats a failed lookup of a slug", async () => {
    mockResponse("GET", "/flows/instances/", 500, htmlPage);
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("POST", invitationsPath, 201, invitationBodyWithFlow());
    await catchError(create(invitationInputs({ flow: "enrollment" })));
    expect((await create(invitationInputs({ flow: "enrollment" }))).outs).toMatchObject({ flowPk });
  });

  test("counts validFor from the time of issue", async () => {
    const before = Date.now();
    mockResponse("POST", invitationsPath, 201, invitationBody({ expires: "2031-05-06T07:08:09Z" }));
    const { expires: _expires, ...inputs } = invitationInputs({ validFor: "14d" });
    const { outs } = await create(inputs);
    const sent = sentRequests[0]?.body as { expires: string };
    expect(sent.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const issuedAt = Date.parse(sent.expires) - 14 * 86_400_000;
    expect(issuedAt).toBe(Date.parse(outs["issuedAt"] as string));
    expect(issuedAt).toBeGreaterThan(before - 1000);
    expect(issuedAt).toBeLessThanOrEqual(Date.now());
  });

  test.each(["2031-05-06t07:08:09z", "2031-05-06T07:08:09z", "2031-05-06t09:08:09+02:00"])(
    "sends %s in a form that authentik accepts, and keeps it as configured",
    async (expires) => {
      mockResponse("POST", invitationsPath, 201, invitationBody());
      const { outs } = await create(invitationInputs({ expires }));
      expect(sentRequests[0]?.body).toMatchObject({ expires: expires.toUpperCase() });
      expect(outs).toMatchObject({ expires });
    },
  );

  test("sends null inside fixedData", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBody({ fixed_data: { a: null } }));
    await create(invitationInputs({ fixedData: { a: null } }));
    expect(sentRequests[0]?.body).toMatchObject({ fixed_data: { a: null } });
  });

  test("uses the URL of the configured connection", async () => {
    const staging = "https://staging.authentik.test/sso";
    await configureWith(invitationProvider, { "staging:url": `${staging}/api/v3/`, "staging:token": "other" });
    mockResponse("POST", invitationsPath, 201, invitationBody(), { baseUrl: staging });
    const { outs } = await create(invitationInputs({ connection: "staging" }));
    expect(requestLines()).toEqual([`POST ${invitationsPath}`]);
    expect(outs).toMatchObject({ connection: "staging" });
  });

  test("accepts a response with unknown fields and without a creator", async () => {
    mockResponse("POST", invitationsPath, 201, invitationBody({ created_by: null, unknown_field: { a: 1 } }));
    const { outs } = await create(invitationInputs());
    expect(outs).not.toHaveProperty("createdBy");
    expect(outs).not.toHaveProperty("unknown_field");
  });

  test("breaks up color directives in values that others have set: Pulumi displays them, and crashes on an unknown one", async () => {
    const fields = { fixed_data: { "<{%a%}>": ["<{%bogus%}>"] }, created_by: { username: "<{%fg 9%}>" } };
    mockResponse("POST", invitationsPath, 201, invitationBody(fields));
    const { outs } = await create(invitationInputs());
    expect(outs).toMatchObject({ fixedData: { "< {%a%}>": ["< {%bogus%}>"] }, createdBy: "< {%fg 9%}>" });
    // What the program declares stays as it is.
    mockResponse("POST", invitationsPath, 201, invitationBody(fields));
    const declared = { "<{%a%}>": ["<{%bogus%}>"] };
    expect((await create(invitationInputs({ fixedData: declared }))).outs).toMatchObject({ fixedData: declared });
  });
});

describe("create and refresh cause no changes for", () => {
  test.each([
    ["an offset", { expires: "2031-05-06T09:08:09+02:00" }, { expires: "2031-05-06T07:08:09Z" }],
    ["truncated digits", { expires: "2031-05-06T09:08:09.1234567+02:00" }, { expires: "2031-05-06T07:08:09.123456Z" }],
    ["a trimmed name", { name: " jane\t" }, { name: "jane" }],
    ["sorted keys", { fixedData: { b: 1, a: { d: -0, c: 1 } } }, { fixed_data: { a: { c: 1, d: 0.0 }, b: 1 } }],
    ["a UUID", { flow: flowPk.toUpperCase() }, { flow: flowPk, flow_obj: flowBody() }],
  ])("%s", async (_case, configured, stored) => {
    const inputs = invitationInputs(configured);
    mockResponse("POST", invitationsPath, 201, invitationBody(stored));
    const { outs } = await create(inputs);
    expect(outs).toMatchObject(configured);
    expect(await diffInvitation(outs, inputs)).toEqual({ changes: false, replaces: [] });

    mockResponse("GET", invitationPath, 200, invitationBody(stored));
    const refreshed = await refresh(outs);
    expect(refreshed.inputs).toEqual(inputs);
    expect(refreshed.props).toEqual(outs);
    expect(await diffInvitation(refreshed.props, inputs)).toEqual({ changes: false, replaces: [] });
  });
});

describe("update", () => {
  test("sends one PUT with the complete state, without a lookup if the flow stays", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBodyWithFlow({ name: "john" }));
    const olds = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const outs = await update(olds, invitationInputs({ name: "john", flow: "enrollment" }));
    expect(sentRequests).toEqual([
      {
        method: "PUT",
        path: invitationPath,
        body: { name: "john", expires: "2031-05-06T07:08:09Z", fixed_data: {}, single_use: false, flow: flowPk },
      },
    ]);
    expect(outs).toEqual({ ...olds, name: "john", link: `${authentikUrl}/if/flow/enrollment/?itoken=${pk}` });
  });

  test("looks up a new slug", async () => {
    mockResponse("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    mockResponse("PUT", invitationPath, 200, invitationBodyWithFlow());
    const outs = await update(invitationState(), invitationInputs({ flow: "enrollment" }));
    expect(requestLines()).toEqual([flowLookup("enrollment"), `PUT ${invitationPath}`]);
    expect(outs).toMatchObject({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
  });

  test("removes the flow with null", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBody());
    const olds = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const outs = await update(olds, invitationInputs());
    expect(sentRequests[0]?.body).toMatchObject({ flow: null });
    expect(Object.keys(outs)).toEqual(expect.not.arrayContaining(["flow", "flowPk", "flowSlug"]));
  });

  test("counts a new validFor from the original time of issue", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBody({ expires: "2031-05-07T00:00:00Z" }));
    const olds = invitationState({
      validFor: "5d",
      issuedAt: "2031-05-01T00:00:00Z",
      expires: "2031-05-06T00:00:00Z",
    });
    const { expires: _expires, ...news } = invitationInputs({ validFor: "6d" });
    const outs = await update(olds, news);
    expect(sentRequests[0]?.body).toMatchObject({ expires: "2031-05-07T00:00:00Z" });
    expect(outs).toMatchObject({
      validFor: "6d",
      expires: "2031-05-07T00:00:00Z",
      issuedAt: "2031-05-01T00:00:00Z",
    });
  });

  test("sends a lower-case instant in a form that authentik accepts", async () => {
    mockResponse("PUT", invitationPath, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    await update(invitationState(), invitationInputs({ expires: "2032-01-01t00:00:00z" }));
    expect(sentRequests[0]?.body).toMatchObject({ expires: "2032-01-01T00:00:00Z" });
  });

  test("of a deleted invitation suggests `pulumi up --refresh`, without showing the pk", async () => {
    mockResponse("PUT", invitationPath, 404, notFoundBody);
    const { message } = await catchError(update(invitationState(), invitationInputs({ singleUse: true })));
    expect(message).toBe('Invitation "jane" no longer exists in authentik. Run `pulumi up --refresh`.');
  });

  test("of an invitation whose flow was recreated with the same slug suggests `pulumi up --refresh`", async () => {
    mockResponse("PUT", invitationPath, 400, { flow: [`Invalid pk "${flowPk}" - object does not exist.`] });
    const state = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const inputs = invitationInputs({ flow: "enrollment", singleUse: true });
    const { message, stack } = await catchError(invitationProvider.update(id, state, inputs));
    expect(message).toMatch(
      /^flow: authentik rejected the stored pk of the flow "enrollment": Invalid pk .* Run `pulumi up --refresh`\.$/,
    );
    expect(stack).toBe("");
  });
});

describe("delete", () => {
  test("sends one DELETE", async () => {
    mockResponse("DELETE", invitationPath, 204);
    await invitationProvider.delete(id, invitationState());
    expect(sentRequests).toEqual([{ method: "DELETE", path: invitationPath, body: undefined }]);
  });

  test("of a deleted invitation succeeds", async () => {
    mockResponse("DELETE", invitationPath, 404, notFoundBody);
    await invitationProvider.delete(id, invitationState());
    expect(requestLines()).toEqual([`DELETE ${invitationPath}`]);
  });

  test.each([
    ["an HTML page", htmlPage],
    ["a proxy's JSON", { message: "no Route matched with those values" }],
  ])("fails on a 404 with %s", async (_case, body) => {
    mockResponse("DELETE", invitationPath, 404, body);
    const { message, stack } = await catchError(invitationProvider.delete(id, invitationState()));
    expect(message).toContain("The response did not come from authentik's API");
    expect(stack).toBe("");
  });
});

describe("read", () => {
  test("sends one GET", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    await refresh(invitationState());
    expect(requestLines()).toEqual([`GET ${invitationPath}`]);
  });

  test("returns nothing for a deleted invitation, after a request to the event log", async () => {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", "/events/events/", 200, pageBody([]));
    expect(await invitationProvider.read(id, invitationState())).toEqual({});
  });

  test.each([
    ["an HTML page", htmlPage],
    ["an empty body", ""],
    ["a proxy's JSON without detail", { message: "no Route matched with those values" }],
    ["a JSON list", [1]],
    ["a detail that is not a string", { detail: { code: 404 } }],
  ])("does not treat a 404 with %s as a deletion", async (_case, body) => {
    mockResponse("GET", invitationPath, 404, body);
    const { message, stack } = await catchError(invitationProvider.read(id, invitationState()));
    expect(message).toContain("The response did not come from authentik's API. Check authentik:url");
    expect(stack).toBe("");
  });

  test("keeps a slug a slug, and a UUID a UUID", async () => {
    for (const flow of ["enrollment", flowPk, flowPk.toUpperCase()]) {
      mockResponse("GET", invitationPath, 200, invitationBodyWithFlow());
      const olds = invitationState({ flow, flowPk, flowSlug: "enrollment" });
      expect((await refresh(olds)).inputs).toMatchObject({ flow });
    }
  });

  test("shows a changed flow in the configured form", async () => {
    const other = { flow: otherFlowPk, flow_obj: flowBody({ pk: otherFlowPk, slug: "guests" }) };
    mockResponse("GET", invitationPath, 200, invitationBody(other), { times: 2 });
    const flowOutputs = { flowPk, flowSlug: "enrollment" };
    expect((await refresh(invitationState({ ...flowOutputs, flow: "enrollment" }))).inputs).toMatchObject({
      flow: "guests",
    });
    expect((await refresh(invitationState({ ...flowOutputs, flow: flowPk }))).inputs).toMatchObject({
      flow: otherFlowPk,
    });
  });

  test("shows a renamed flow by its new slug, and keeps a UUID", async () => {
    const renamed = invitationBodyWithFlow({ flow_obj: flowBody({ slug: "renamed" }) });
    mockResponse("GET", invitationPath, 200, renamed, { times: 2 });
    const flowOutputs = { flowPk, flowSlug: "enrollment" };
    const bySlug = await refresh(invitationState({ ...flowOutputs, flow: "enrollment" }));
    expect(bySlug.inputs).toMatchObject({ flow: "renamed" });
    expect(bySlug.props).toMatchObject({ flowPk, flowSlug: "renamed" });
    expect((await refresh(invitationState({ ...flowOutputs, flow: flowPk }))).inputs).toMatchObject({ flow: flowPk });
  });

  test("shows no flow if the flow was deleted", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    const { inputs, props } = await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
    expect(inputs).not.toHaveProperty("flow");
    expect(props).not.toHaveProperty("flowSlug");
  });

  test("shows a flow that was added outside Pulumi", async () => {
    mockResponse("GET", invitationPath, 200, invitationBodyWithFlow());
    expect((await refresh(invitationState())).inputs).toMatchObject({ flow: "enrollment" });
  });

  test("keeps an expiry with its offset", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    const expires = "2031-05-06T09:08:09+02:00";
    const { inputs, props } = await refresh(invitationState({ expires }));
    expect(inputs).toMatchObject({ expires });
    expect(props).toMatchObject({ expires });
  });

  test("shows a changed expiry", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    expect((await refresh(invitationState())).inputs).toMatchObject({ expires: "2032-01-01T00:00:00Z" });
  });

  test("keeps validFor", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody());
    const olds = invitationState({ validFor: "2 weeks", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ validFor: "2 weeks" });
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ validFor: "2 weeks", expires: "2031-05-06T07:08:09Z" });
  });

  test("shows a changed expiry as a duration if validFor is configured", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2031-05-07T07:08:09Z" }));
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ validFor: "15d" });
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ validFor: "15d", expires: "2031-05-07T07:08:09Z" });
    const { expires: _expires, ...declared } = invitationInputs({ validFor: "14d" });
    expect(await diffInvitation(props, declared)).toEqual({ changes: true, replaces: [] });
  });

  test("shows an expiry before the time of issue as an instant, because no duration results in it", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: "2001-01-01T00:00:00Z" }));
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ expires: "2001-01-01T00:00:00Z" });
    expect(inputs).not.toHaveProperty("validFor");
    expect(props).toMatchObject({ status: "expired" });
  });

  test("shows that the expiry was removed", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: null }));
    const { inputs, props } = await refresh(invitationState());
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ status: "pending" });
    expect(await diffInvitation(props, invitationInputs())).toEqual({ changes: true, replaces: [] });
  });

  test("shows each property that was changed", async () => {
    const drifted = { name: "john", fixed_data: { a: 2, b: 3 }, single_use: true };
    mockResponse("GET", invitationPath, 200, invitationBody(drifted));
    const { inputs } = await refresh(invitationState({ fixedData: { a: 1 } }));
    expect(inputs).toEqual(invitationInputs({ name: "john", fixedData: { a: 2, b: 3 }, singleUse: true }));
  });

  test.each([
    ["2001-02-03T04:05:06Z", "expired"],
    ["9999-12-31T23:59:59Z", "pending"],
  ])("of an invitation that expires at %s has the status %s", async (expires, status) => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires }));
    expect((await refresh(invitationState({ expires }))).props).toMatchObject({ status });
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
      "The pk of the invitation must be a UUID. Use Invitation.get(name, id) or the resource option import, not the option id.",
    );
    expect(stack).toBe("");
    expect(requestLines()).toEqual([]);
  });

  test("returns no undefined values, because Pulumi cannot serialize them", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ created_by: null }));
    const { props, inputs } = await refresh(invitationState());
    expect(Object.values(props)).not.toContain(undefined);
    expect(Object.values(inputs)).not.toContain(undefined);
  });
});

test("an expiry with microseconds that was set outside Pulumi is drift once", async () => {
  const declared = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
  const body = { ...invitationBody(), expires: "2031-05-06T07:08:09.000001Z" };
  mockResponse("GET", invitationPath, 200, body);
  mockResponse("GET", "/events/events/", 200, pageBody([]));
  const first = await refresh(declared);
  expect(first.inputs).toMatchObject({ validFor: "1209600000.001ms" });
  mockResponse("GET", invitationPath, 200, body);
  // Without a request to the event log: nothing changed since.
  expect((await refresh(first.props)).inputs).toEqual(first.inputs);
  expectAllMocksUsed();
});

test("an expiry that an earlier version counted with 365.25 days a year is kept, and a new one has 365", async () => {
  const old = invitationState({ validFor: "1y", issuedAt: "2030-05-06T00:00:00Z", expires: "2031-05-06T06:00:00Z" });
  const news = invitationInputs({ expires: undefined, validFor: "1y" });
  expect(await diffInvitation(old, news)).toEqual({ changes: false, replaces: [] });
  mockResponse("GET", invitationPath, 200, { ...invitationBody(), expires: old["expires"] });
  expect((await refresh(old)).inputs).toMatchObject({ validFor: "1y" });
  mockResponse("PUT", invitationPath, 200, { ...invitationBody(), expires: old["expires"], single_use: true });
  await update(old, { ...news, singleUse: true });
  expect(sentRequests.at(-1)?.body).toMatchObject({ expires: old["expires"] });
  expect(await diffInvitation(old, { ...news, validFor: "2y" })).toMatchObject({ changes: true });
  mockResponse("PUT", invitationPath, 200, { ...invitationBody(), expires: "2032-05-05T00:00:00Z" });
  await update(old, { ...news, validFor: "2y" });
  expect(sentRequests.at(-1)?.body).toMatchObject({ expires: "2032-05-05T00:00:00Z" });
});

describe("an invitation whose expiry was moved into the past outside Pulumi", () => {
  const pastExpiry = "2021-01-01T00:00:00Z";

  async function refreshExpired(state: Properties): Promise<Properties> {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: pastExpiry }));
    if (state.expires !== pastExpiry) mockResponse("GET", "/events/events/", 200, pageBody([]));
    return (await refresh(state)).props;
  }

  test("has expired, but is not retired: the next run updates it in place", async () => {
    const state = await refreshExpired(invitationState());
    expect(state).toMatchObject({ status: "expired", expires: pastExpiry });
    expect(state).not.toHaveProperty("retiredAt");
    expect(await invitationProvider.diff(id, state, invitationInputs())).toEqual({ replaces: [] });
    mockResponse("PUT", invitationPath, 200, invitationBody());
    const { outs } = await invitationProvider.update(id, state, invitationInputs());
    expect(outs).toMatchObject({ status: "pending", expires: "2031-05-06T07:08:09Z" });
  });

  test("is not retired by further refreshes, and is recreated after authentik deletes it", async () => {
    const state = await refreshExpired(await refreshExpired(invitationState()));
    expect(state).not.toHaveProperty("retiredAt");
    mockResponse("GET", invitationPath, 404, notFoundBody);
    mockResponse("GET", "/events/events/", 200, pageBody([]));
    const { props } = await refresh(state);
    expect(props).toEqual({ ...state, gone: true });
    const { replaces } = await invitationProvider.diff(id, props, invitationInputs());
    expect(replaces).toEqual(["expires"]);
  });

  test("is retired if its declared expiry has also passed", async () => {
    const state = invitationState({ expires: "2022-01-01T00:00:00Z" });
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: pastExpiry }));
    const { props } = await refresh(state);
    expect(props).toMatchObject({
      status: "expired",
      retiredAt: "2022-01-01T00:00:00Z",
      expires: "2022-01-01T00:00:00Z",
    });
    expect(await invitationProvider.diff(id, props, invitationInputs({ expires: "2022-01-01T00:00:00Z" }))).toEqual({
      changes: false,
    });
  });
});

describe("adoption", () => {
  let pkCount = 0;
  /** Each test adopts its own pk, because the process remembers them. */
  function freshPk(): string {
    pkCount += 1;
    return `bbbbbbbb-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
  }

  test("sends only a GET, and returns the state from the response", async () => {
    const adopted = freshPk();
    mockResponse(
      "GET",
      `${invitationsPath}${adopted}/`,
      200,
      invitationBodyWithFlow({ pk: adopted, fixed_data: { a: 1 } }),
    );
    const created = await create(invitationInputs({ import: adopted, flow: "enrollment", fixedData: { a: 1 } }));
    expect(requestLines()).toEqual([`GET ${invitationsPath}${adopted}/`]);
    expect(created.id).toBe(invitationId(adopted));
    expect(created.outs).toMatchObject({ name: "jane", pk: adopted, flow: "enrollment", flowPk, fixedData: { a: 1 } });
    expect(created.outs).not.toHaveProperty("import");
  });

  test("with validFor derives the time of issue from the expiry", async () => {
    const adopted = freshPk();
    const expires = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000).toISOString().replace(".000Z", "Z");
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBody({ pk: adopted, expires }));
    const { expires: _expires, ...inputs } = invitationInputs({ import: adopted, validFor: "2h" });
    const { outs } = await create(inputs);
    expect(outs).toMatchObject({ expires, validFor: "2h" });
    expect(Date.parse(outs["issuedAt"] as string)).toBe(Date.parse(expires) - 7_200_000);
  });

  test("with validFor works to the microsecond, and a refresh finds no drift", async () => {
    const body = { ...invitationBody(), expires: "2031-05-06T07:08:09.123456Z" };
    mockResponse("GET", invitationPath, 200, body);
    const { outs } = await create(invitationInputs({ expires: undefined, validFor: "3650d", import: pk }));
    expect(outs).toMatchObject({ validFor: "3650d", expires: body.expires, issuedAt: "2021-05-08T07:08:09.123456Z" });
    mockResponse("GET", invitationPath, 200, body);
    expect((await refresh(outs)).inputs).toMatchObject({ validFor: "3650d" });
    expectAllMocksUsed();
  });

  test("fails if the invitation would have been issued in the future", async () => {
    const adopted = freshPk();
    mockResponse(
      "GET",
      `${invitationsPath}${adopted}/`,
      200,
      invitationBody({ pk: adopted, expires: "2031-05-06T07:08:09Z" }),
    );
    const { expires: _expires, ...inputs } = invitationInputs({ import: adopted, validFor: "1h" });
    expect((await catchError(create(inputs))).message).toContain("it differs from the program in validFor.");
  });

  test("fails if properties differ: the error lists their paths without values, and nothing is changed", async () => {
    const adopted = freshPk();
    const stored = {
      pk: adopted,
      name: "john",
      expires: "2032-01-01T00:00:00Z",
      fixed_data: { email: "secret@example.com", attributes: { team: "a" }, same: 1 },
      single_use: true,
    };
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBodyWithFlow(stored));
    const fixedData = { email: "jane@example.com", attributes: { team: "b" }, same: 1, extra: null };
    const { message, stack } = await catchError(create(invitationInputs({ import: adopted, fixedData })));
    expect(message).toBe(
      'Invitation "jane" cannot be imported, because it differs from the program in name, expires, fixedData.attributes, fixedData.email, fixedData.extra, singleUse, flow. Nothing was changed. Declare the values that authentik has, run `pulumi up`, then change them.',
    );
    expect(stack).toBe("");
    expect(requestLines()).toEqual([`GET ${invitationsPath}${adopted}/`]);
  });

  test("ignores the connection when comparing", async () => {
    const adopted = freshPk();
    await configureWith(invitationProvider, { "staging:url": "https://authentik.test", "staging:token": "x" });
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBody({ pk: adopted }));
    const { outs } = await create(invitationInputs({ import: adopted, connection: "staging" }));
    expect(outs).toMatchObject({ connection: "staging" });
  });

  test("reports that the invitation does not exist, without showing the pk", async () => {
    const adopted = freshPk();
    mockResponse("GET", `${invitationsPath}${adopted}/`, 404, notFoundBody);
    const { message } = await catchError(create(invitationInputs({ import: adopted })));
    expect(message).toBe(
      'Invitation "jane" cannot be imported: authentik has no invitation with the pk in the resource option import. Correct the pk, or remove the option.',
    );
  });

  test("keeps another resource of the same run from deleting the invitation", async () => {
    const adopted = freshPk();
    mockResponse("GET", `${invitationsPath}${adopted}/`, 200, invitationBody({ pk: adopted }));
    await create(invitationInputs({ import: adopted }));
    await invitationProvider.delete(invitationId(adopted), invitationState({ pk: adopted }));
    expect(requestLines()).toEqual([`GET ${invitationsPath}${adopted}/`]);
    expect(warn.mock.calls).toEqual([
      ['Invitation "jane": not deleted, because another resource adopted it in this run.'],
    ]);
  });
});
