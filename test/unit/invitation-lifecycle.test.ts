import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationId } from "../../provider/common/pk";
import {
  flowBody,
  flowPk,
  gone,
  htmlPage,
  invitationBody,
  invitationToFlow,
  otherFlowPk,
  pageBody,
  pk,
} from "./support/bodies";
import { answer, calls, clearExchanges, configureWith, expectAllAsked, lines, settings } from "./support/exchanges";
import { failureOf } from "./support/failure";
import { changesOf, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";

const list = "/stages/invitation/invitations/";
const one = `${list}${pk}/`;
const id = invitationId(pk);
const flowLookUp = (slug: string): string => `GET /flows/instances/?slug=${slug}&ordering=pk&page_size=100&page=1`;

async function create(inputs: Properties): Promise<{ id: string; outs: Properties }> {
  const created = await invitationProvider.create(inputs);
  return { id: created.id, outs: created.outs as Properties };
}

async function update(olds: Properties, news: Properties): Promise<Properties> {
  return (await invitationProvider.update(id, olds, news)).outs as Properties;
}

beforeEach(async () => {
  clearExchanges();
  await configureWith(invitationProvider, settings);
});
/** What is told in the run's output: drift, above all. */
const warn = jest.spyOn(console, "warn").mockImplementation();
beforeEach(() => warn.mockClear());
afterEach(expectAllAsked);

describe("create", () => {
  test("is one POST with the whole declared state", async () => {
    answer("POST", list, 201, invitationBody());
    await create(invitationInputs());
    expect(calls).toEqual([
      {
        method: "POST",
        path: list,
        body: { name: "jane", expires: "2031-05-06T07:08:09Z", fixed_data: {}, single_use: false, flow: null },
      },
    ]);
  });

  test("sends every property", async () => {
    const fixedData = { email: "jane@example.com", attributes: { team: "backend" } };
    answer("POST", list, 201, invitationToFlow({ fixed_data: fixedData, single_use: true }));
    await create(invitationInputs({ fixedData, singleUse: true, flow: flowPk }));
    expect(calls).toEqual([
      expect.objectContaining({
        body: { name: "jane", expires: "2031-05-06T07:08:09Z", fixed_data: fixedData, single_use: true, flow: flowPk },
      }),
    ]);
  });

  test("makes the state of the answer, and the opaque id of the pk", async () => {
    answer("POST", list, 201, invitationToFlow({ fixed_data: { a: 1 }, single_use: true }));
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
      createdBy: "akadmin",
    });
  });

  test("keeps the state, without fixedData, within 1 kB", async () => {
    answer("POST", list, 201, invitationToFlow());
    const inputs = invitationInputs({ flow: "enrollment" });
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    const { outs } = await create(inputs);
    expect(JSON.stringify({ inputs, outputs: outs }).length).toBeLessThanOrEqual(1024);
  });

  test("looks a slug up, once", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("POST", list, 201, invitationToFlow());
    const { outs } = await create(invitationInputs({ flow: " enrollment " }));
    expect(lines()).toEqual([flowLookUp("enrollment"), `POST ${list}`]);
    expect(calls[1]?.body).toMatchObject({ flow: flowPk });
    expect(outs).toMatchObject({ flow: " enrollment ", flowPk, flowSlug: "enrollment" });
  });

  test("looks a slug up once a process, though 20 are created at once", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("POST", list, 201, invitationToFlow(), { times: 20 });
    await Promise.all(
      Array.from({ length: 20 }, (_none, index) => create(invitationInputs({ name: `n${index}`, flow: "enrollment" }))),
    );
    expect(lines().filter((line) => line.startsWith("GET"))).toEqual([flowLookUp("enrollment")]);
    expect(lines().filter((line) => line.startsWith("POST"))).toHaveLength(20);
  });

  test("looks each slug up by itself", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("GET", "/flows/instances/", 200, pageBody([flowBody({ pk: otherFlowPk, slug: "guests" })]));
    answer("POST", list, 201, invitationToFlow(), { times: 2 });
    await create(invitationInputs({ flow: "enrollment" }));
    await create(invitationInputs({ flow: "guests" }));
    expect(calls.filter(({ method }) => method === "POST").map(({ body }) => body)).toEqual([
      expect.objectContaining({ flow: flowPk }),
      expect.objectContaining({ flow: otherFlowPk }),
    ]);
  });

  test("sends a UUID in authentik's spelling, without a look-up", async () => {
    answer("POST", list, 201, invitationToFlow());
    const flow = flowPk.replaceAll("-", "").toUpperCase();
    const { outs } = await create(invitationInputs({ flow }));
    expect(calls.map(({ body }) => body)).toEqual([expect.objectContaining({ flow: flowPk })]);
    expect(outs).toMatchObject({ flow, flowPk });
  });

  test("says that a slug has no flow, and sends nothing", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([]));
    const { message, stack } = await failureOf(create(invitationInputs({ flow: "enrolment" })));
    expect(message).toBe(
      'flow: authentik has no flow with the slug "enrolment" that the token\'s user may see (permission authentik_flows.view_flow). Correct the slug, or create the flow first.',
    );
    expect(stack).toBe("");
    expect(lines()).toEqual([flowLookUp("enrolment")]);
  });

  test("asks again for a slug that had no flow: it may have been created since", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([]));
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("POST", list, 201, invitationToFlow());
    await failureOf(create(invitationInputs({ flow: "enrollment" })));
    expect((await create(invitationInputs({ flow: "enrollment" }))).outs).toMatchObject({ flowPk });
  });

  test("asks again for a slug whose look-up failed", async () => {
    answer("GET", "/flows/instances/", 500, htmlPage);
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("POST", list, 201, invitationToFlow());
    await failureOf(create(invitationInputs({ flow: "enrollment" })));
    expect((await create(invitationInputs({ flow: "enrollment" }))).outs).toMatchObject({ flowPk });
  });

  test("counts validFor from the moment of issue, and keeps it", async () => {
    const before = Date.now();
    answer("POST", list, 201, invitationBody({ expires: "2031-05-06T07:08:09Z" }));
    const { expires: _none, ...inputs } = invitationInputs({ validFor: "14d" });
    const { outs } = await create(inputs);
    const sent = calls[0]?.body as { expires: string };
    expect(sent.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const issued = Date.parse(sent.expires) - 14 * 86_400_000;
    expect(issued).toBe(Date.parse(outs["issuedAt"] as string));
    expect(issued).toBeGreaterThan(before - 1000);
    expect(issued).toBeLessThanOrEqual(Date.now());
  });

  test.each(["2031-05-06t07:08:09z", "2031-05-06T07:08:09z", "2031-05-06t09:08:09+02:00"])(
    "sends %s in a form that authentik takes, and keeps it as it was written",
    async (expires) => {
      answer("POST", list, 201, invitationBody());
      const { outs } = await create(invitationInputs({ expires }));
      expect(calls[0]?.body).toMatchObject({ expires: expires.toUpperCase() });
      expect(outs).toMatchObject({ expires });
    },
  );

  test("sends null inside fixedData", async () => {
    answer("POST", list, 201, invitationBody({ fixed_data: { a: null } }));
    await create(invitationInputs({ fixedData: { a: null } }));
    expect(calls[0]?.body).toMatchObject({ fixed_data: { a: null } });
  });

  test("uses the address and the token of the connection that is named", async () => {
    const staging = "https://staging.authentik.test/sso";
    await configureWith(invitationProvider, { "staging:url": `${staging}/api/v3/`, "staging:token": "other" });
    answer("POST", list, 201, invitationBody(), { at: staging });
    const { outs } = await create(invitationInputs({ connection: "staging" }));
    expect(lines()).toEqual([`POST ${list}`]);
    expect(outs).toMatchObject({ connection: "staging" });
  });

  test("takes an answer of 2024.8 with fields that nobody knows, and without a creator", async () => {
    answer("POST", list, 201, invitationBody({ created_by: null, brand_new: { a: 1 } }));
    const { outs } = await create(invitationInputs());
    expect(outs).not.toHaveProperty("createdBy");
    expect(outs).not.toHaveProperty("brand_new");
  });
});

describe("what a create or refresh gives back changes nothing", () => {
  const exactly = "2031-05-06T09:08:09.1234567+02:00";
  test.each([
    ["an offset", { expires: "2031-05-06T09:08:09+02:00" }, { expires: "2031-05-06T07:08:09Z" }],
    ["cut digits", { expires: exactly }, { expires: "2031-05-06T07:08:09.123456Z" }],
    ["a trimmed name", { name: " jane\t" }, { name: "jane" }],
    ["sorted keys", { fixedData: { b: 1, a: { d: -0, c: 1 } } }, { fixed_data: { a: { c: 1, d: 0.0 }, b: 1 } }],
    ["a UUID", { flow: flowPk.toUpperCase() }, { flow: flowPk, flow_obj: flowBody() }],
  ])("of %s", async (_what, written, stored) => {
    const inputs = invitationInputs(written);
    answer("POST", list, 201, invitationBody(stored));
    const { outs } = await create(inputs);
    expect(outs).toMatchObject(written);
    expect(await changesOf(outs, inputs)).toEqual({ changes: false, replaces: [] });

    answer("GET", one, 200, invitationBody(stored));
    const refreshed = await refresh(outs);
    expect(refreshed.inputs).toEqual(inputs);
    expect(refreshed.props).toEqual(outs);
    expect(await changesOf(refreshed.props, inputs)).toEqual({ changes: false, replaces: [] });
  });
});

describe("update", () => {
  test("is one PUT with the whole state, without a look-up where the flow stays", async () => {
    answer("PUT", one, 200, invitationToFlow({ name: "john" }));
    const olds = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const outs = await update(olds, invitationInputs({ name: "john", flow: "enrollment" }));
    expect(calls).toEqual([
      {
        method: "PUT",
        path: one,
        body: { name: "john", expires: "2031-05-06T07:08:09Z", fixed_data: {}, single_use: false, flow: flowPk },
      },
    ]);
    expect(outs).toEqual({ ...olds, name: "john" });
  });

  test("looks a new slug up, and nothing else", async () => {
    answer("GET", "/flows/instances/", 200, pageBody([flowBody()]));
    answer("PUT", one, 200, invitationToFlow());
    const outs = await update(invitationState(), invitationInputs({ flow: "enrollment" }));
    expect(lines()).toEqual([flowLookUp("enrollment"), `PUT ${one}`]);
    expect(outs).toMatchObject({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
  });

  test("takes the flow away with null", async () => {
    answer("PUT", one, 200, invitationBody());
    const olds = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const outs = await update(olds, invitationInputs());
    expect(calls[0]?.body).toMatchObject({ flow: null });
    expect(Object.keys(outs)).toEqual(expect.not.arrayContaining(["flow", "flowPk", "flowSlug"]));
  });

  test("counts a new validFor from the issue still", async () => {
    answer("PUT", one, 200, invitationBody({ expires: "2031-05-07T00:00:00Z" }));
    const olds = invitationState({
      validFor: "5d",
      issuedAt: "2031-05-01T00:00:00Z",
      expires: "2031-05-06T00:00:00Z",
    });
    const { expires: _none, ...news } = invitationInputs({ validFor: "6d" });
    const outs = await update(olds, news);
    expect(calls[0]?.body).toMatchObject({ expires: "2031-05-07T00:00:00Z" });
    expect(outs).toMatchObject({
      validFor: "6d",
      expires: "2031-05-07T00:00:00Z",
      issuedAt: "2031-05-01T00:00:00Z",
    });
  });

  test("sends a lower-case instant in a form that authentik takes", async () => {
    answer("PUT", one, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    await update(invitationState(), invitationInputs({ expires: "2032-01-01t00:00:00z" }));
    expect(calls[0]?.body).toMatchObject({ expires: "2032-01-01T00:00:00Z" });
  });

  test("of one that is gone says so in one sentence, with what to run, and without the pk", async () => {
    answer("PUT", one, 404, gone);
    const { message } = await failureOf(update(invitationState(), invitationInputs({ singleUse: true })));
    expect(message).toBe(
      'Invitation "jane" is gone from authentik, so that it cannot be changed: run `pulumi up --refresh`.',
    );
  });

  test("of an invitation whose flow was made anew under its slug says what to run", async () => {
    answer("PUT", one, 400, { flow: [`Invalid pk "${flowPk}" - object does not exist.`] });
    const state = invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" });
    const program = invitationInputs({ flow: "enrollment", singleUse: true });
    const { message, stack } = await failureOf(invitationProvider.update(id, state, program));
    expect(message).toMatch(
      /^flow: authentik refuses the flow that "enrollment" was: Invalid pk .* run `pulumi up --refresh`\.$/,
    );
    expect(stack).toBe("");
  });
});

describe("delete", () => {
  test("is one DELETE", async () => {
    answer("DELETE", one, 204);
    await invitationProvider.delete(id, invitationState());
    expect(calls).toEqual([{ method: "DELETE", path: one, body: undefined }]);
  });

  test("of what is gone succeeds", async () => {
    answer("DELETE", one, 404, gone);
    await invitationProvider.delete(id, invitationState());
    expect(lines()).toEqual([`DELETE ${one}`]);
  });

  test.each([
    ["a page in HTML", htmlPage],
    ["a proxy's JSON", { message: "no Route matched with those values" }],
  ])("fails where 404 is %s", async (_what, body) => {
    answer("DELETE", one, 404, body);
    const { message, stack } = await failureOf(invitationProvider.delete(id, invitationState()));
    expect(message).toContain("What answered is not authentik's API");
    expect(stack).toBe("");
  });
});

describe("read", () => {
  test("is one GET", async () => {
    answer("GET", one, 200, invitationBody());
    await refresh(invitationState());
    expect(lines()).toEqual([`GET ${one}`]);
  });

  test("gives nothing for one that is gone, after a look at the event log", async () => {
    answer("GET", one, 404, gone);
    answer("GET", "/events/events/", 200, pageBody([]));
    expect(await invitationProvider.read(id, invitationState())).toEqual({});
  });

  test.each([
    ["a page in HTML", htmlPage],
    ["nothing", ""],
    ["a proxy's JSON without detail", { message: "no Route matched with those values" }],
    ["a JSON list", [1]],
    ["a detail that is no text", { detail: { code: 404 } }],
  ])("never takes it for gone where 404 is %s", async (_what, body) => {
    answer("GET", one, 404, body);
    const { message, stack } = await failureOf(invitationProvider.read(id, invitationState()));
    expect(message).toContain("What answered is not authentik's API: check authentik:url");
    expect(stack).toBe("");
  });

  test("keeps a slug a slug, and a UUID a UUID", async () => {
    for (const flow of ["enrollment", flowPk, flowPk.toUpperCase()]) {
      answer("GET", one, 200, invitationToFlow());
      const olds = invitationState({ flow, flowPk, flowSlug: "enrollment" });
      expect((await refresh(olds)).inputs).toMatchObject({ flow });
    }
  });

  test("shows another flow in the form in which the user writes flows", async () => {
    const other = { flow: otherFlowPk, flow_obj: flowBody({ pk: otherFlowPk, slug: "guests" }) };
    answer("GET", one, 200, invitationBody(other), { times: 2 });
    const inFlow = { flowPk, flowSlug: "enrollment" };
    expect((await refresh(invitationState({ ...inFlow, flow: "enrollment" }))).inputs).toMatchObject({
      flow: "guests",
    });
    expect((await refresh(invitationState({ ...inFlow, flow: flowPk }))).inputs).toMatchObject({ flow: otherFlowPk });
  });

  test("shows a renamed flow as another slug, and leaves a UUID alone", async () => {
    const renamed = invitationToFlow({ flow_obj: flowBody({ slug: "joining" }) });
    answer("GET", one, 200, renamed, { times: 2 });
    const inFlow = { flowPk, flowSlug: "enrollment" };
    const bySlug = await refresh(invitationState({ ...inFlow, flow: "enrollment" }));
    expect(bySlug.inputs).toMatchObject({ flow: "joining" });
    expect(bySlug.props).toMatchObject({ flowPk, flowSlug: "joining" });
    expect((await refresh(invitationState({ ...inFlow, flow: flowPk }))).inputs).toMatchObject({ flow: flowPk });
  });

  test("shows that the flow was deleted: the invitation has none", async () => {
    answer("GET", one, 200, invitationBody());
    const { inputs, props } = await refresh(invitationState({ flow: "enrollment", flowPk, flowSlug: "enrollment" }));
    expect(inputs).not.toHaveProperty("flow");
    expect(props).not.toHaveProperty("flowSlug");
  });

  test("shows a flow that somebody added", async () => {
    answer("GET", one, 200, invitationToFlow());
    expect((await refresh(invitationState())).inputs).toMatchObject({ flow: "enrollment" });
  });

  test("keeps an expiry with its offset", async () => {
    answer("GET", one, 200, invitationBody());
    const expires = "2031-05-06T09:08:09+02:00";
    const { inputs, props } = await refresh(invitationState({ expires }));
    expect(inputs).toMatchObject({ expires });
    expect(props).toMatchObject({ expires });
  });

  test("shows another expiry", async () => {
    answer("GET", one, 200, invitationBody({ expires: "2032-01-01T00:00:00Z" }));
    expect((await refresh(invitationState())).inputs).toMatchObject({ expires: "2032-01-01T00:00:00Z" });
  });

  test("keeps validFor", async () => {
    answer("GET", one, 200, invitationBody());
    const olds = invitationState({ validFor: "2 weeks", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ validFor: "2 weeks" });
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ validFor: "2 weeks", expires: "2031-05-06T07:08:09Z" });
  });

  test("shows another expiry under validFor as another duration", async () => {
    answer("GET", one, 200, invitationBody({ expires: "2031-05-07T07:08:09Z" }));
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ validFor: "15d" });
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ validFor: "15d", expires: "2031-05-07T07:08:09Z" });
    const { expires: _none, ...program } = invitationInputs({ validFor: "14d" });
    expect(await changesOf(props, program)).toEqual({ changes: true, replaces: [] });
  });

  test("shows an expiry before the issue as an instant: no duration leads there", async () => {
    answer("GET", one, 200, invitationBody({ expires: "2001-01-01T00:00:00Z" }));
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { inputs, props } = await refresh(olds);
    expect(inputs).toMatchObject({ expires: "2001-01-01T00:00:00Z" });
    expect(inputs).not.toHaveProperty("validFor");
    expect(props).toMatchObject({ status: "expired" });
  });

  test("shows that somebody made it unlimited", async () => {
    answer("GET", one, 200, invitationBody({ expires: null }));
    const { inputs, props } = await refresh(invitationState());
    expect(inputs).not.toHaveProperty("expires");
    expect(props).toMatchObject({ status: "pending" });
    expect(await changesOf(props, invitationInputs())).toEqual({ changes: true, replaces: [] });
  });

  test("shows by line what somebody changed", async () => {
    const drifted = { name: "john", fixed_data: { a: 2, b: 3 }, single_use: true };
    answer("GET", one, 200, invitationBody(drifted));
    const { inputs } = await refresh(invitationState({ fixedData: { a: 1 } }));
    expect(inputs).toEqual(invitationInputs({ name: "john", fixedData: { a: 2, b: 3 }, singleUse: true }));
  });

  test.each([
    ["2001-02-03T04:05:06Z", "expired"],
    ["9999-12-31T23:59:59Z", "pending"],
  ])("of one that expires %s says %s", async (expires, status) => {
    answer("GET", one, 200, invitationBody({ expires }));
    expect((await refresh(invitationState({ expires }))).props).toMatchObject({ status });
  });

  test("finds one by its pk alone, in any spelling (Invitation.get)", async () => {
    answer("GET", one, 200, invitationToFlow({ fixed_data: { a: 1 } }));
    const read = await refresh({ pk: pk.replaceAll("-", "").toUpperCase() });
    expect(read.id).toBe(id);
    expect(read.props).toMatchObject({ name: "jane", pk, flow: "enrollment", fixedData: { a: 1 }, singleUse: false });
  });

  test.each([{}, { pk: "" }, { pk: "0123456789abcdef" }])("says what to use where %j holds no pk", async (olds) => {
    const { message, stack } = await failureOf(invitationProvider.read(id, olds));
    expect(message).toBe(
      "An invitation is read by its pk (a UUID): use Invitation.get(name, pk), or the resource option import, not the option id.",
    );
    expect(stack).toBe("");
    expect(lines()).toEqual([]);
  });

  test("leaves no undefined in what it gives back: Pulumi cannot send one", async () => {
    answer("GET", one, 200, invitationBody({ created_by: null }));
    const { props, inputs } = await refresh(invitationState());
    expect(Object.values(props)).not.toContain(undefined);
    expect(Object.values(inputs)).not.toContain(undefined);
  });
});

describe("an invitation that somebody ended by hand", () => {
  const ended = "2021-01-01T00:00:00Z";

  async function refreshEnded(state: Properties): Promise<Properties> {
    answer("GET", one, 200, invitationBody({ expires: ended }));
    if (state.expires !== ended) answer("GET", "/events/events/", 200, pageBody([]));
    return (await refresh(state)).props;
  }

  test("has expired, but is not retired: the next run puts it right in place", async () => {
    const state = await refreshEnded(invitationState());
    expect(state).toMatchObject({ status: "expired", expires: ended });
    expect(state).not.toHaveProperty("retiredAt");
    expect(await invitationProvider.diff(id, state, invitationInputs())).toEqual({ replaces: [] });
    answer("PUT", one, 200, invitationBody());
    const { outs } = await invitationProvider.update(id, state, invitationInputs());
    expect(outs).toMatchObject({ status: "pending", expires: "2031-05-06T07:08:09Z" });
  });

  test("stays so over further refreshes, and comes back where it is swept", async () => {
    const state = await refreshEnded(await refreshEnded(invitationState()));
    expect(state).not.toHaveProperty("retiredAt");
    answer("GET", one, 404, gone);
    answer("GET", "/events/events/", 200, pageBody([]));
    expect(await invitationProvider.read(id, state)).toEqual({});
  });

  test("is retired where its declared time has passed, too", async () => {
    const state = invitationState({ expires: "2022-01-01T00:00:00Z" });
    answer("GET", one, 200, invitationBody({ expires: ended }));
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
  let count = 0;
  /** Each test adopts another pk: what was adopted stays so in this process. */
  function freshPk(): string {
    count += 1;
    return `bbbbbbbb-0000-4000-8000-${String(count).padStart(12, "0")}`;
  }

  test("only reads, and makes the state of what is there", async () => {
    const adopted = freshPk();
    answer("GET", `${list}${adopted}/`, 200, invitationToFlow({ pk: adopted, fixed_data: { a: 1 } }));
    const made = await create(invitationInputs({ import: adopted, flow: "enrollment", fixedData: { a: 1 } }));
    expect(lines()).toEqual([`GET ${list}${adopted}/`]);
    expect(made.id).toBe(invitationId(adopted));
    expect(made.outs).toMatchObject({ name: "jane", pk: adopted, flow: "enrollment", flowPk, fixedData: { a: 1 } });
    expect(made.outs).not.toHaveProperty("import");
  });

  test("with validFor takes as the issue what leads to the expiry", async () => {
    const adopted = freshPk();
    const expires = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000).toISOString().replace(".000Z", "Z");
    answer("GET", `${list}${adopted}/`, 200, invitationBody({ pk: adopted, expires }));
    const { expires: _none, ...inputs } = invitationInputs({ import: adopted, validFor: "2h" });
    const { outs } = await create(inputs);
    expect(outs).toMatchObject({ expires, validFor: "2h" });
    expect(Date.parse(outs["issuedAt"] as string)).toBe(Date.parse(expires) - 7_200_000);
  });

  test("refuses what would have been issued in the future", async () => {
    const adopted = freshPk();
    answer("GET", `${list}${adopted}/`, 200, invitationBody({ pk: adopted, expires: "2031-05-06T07:08:09Z" }));
    const { expires: _none, ...inputs } = invitationInputs({ import: adopted, validFor: "1h" });
    expect((await failureOf(create(inputs))).message).toContain("it differs from the code in validFor.");
  });

  test("refuses what differs, by path and without values, and writes nothing", async () => {
    const adopted = freshPk();
    const there = {
      pk: adopted,
      name: "john",
      expires: "2032-01-01T00:00:00Z",
      fixed_data: { email: "secret@example.com", attributes: { team: "a" }, same: 1 },
      single_use: true,
    };
    answer("GET", `${list}${adopted}/`, 200, invitationToFlow(there));
    const fixedData = { email: "jane@example.com", attributes: { team: "b" }, same: 1, extra: null };
    const { message, stack } = await failureOf(create(invitationInputs({ import: adopted, fixedData })));
    expect(message).toBe(
      'Invitation "jane" cannot be imported: it differs from the code in name, expires, fixedData.attributes, fixedData.email, fixedData.extra, singleUse, flow. Write in the code what authentik has (nothing was changed), import it, then change it.',
    );
    expect(stack).toBe("");
    expect(lines()).toEqual([`GET ${list}${adopted}/`]);
  });

  test("is no mismatch of the connection", async () => {
    const adopted = freshPk();
    await configureWith(invitationProvider, { "staging:url": "https://authentik.test", "staging:token": "x" });
    answer("GET", `${list}${adopted}/`, 200, invitationBody({ pk: adopted }));
    const { outs } = await create(invitationInputs({ import: adopted, connection: "staging" }));
    expect(outs).toMatchObject({ connection: "staging" });
  });

  test("of what is not there says so, without the pk", async () => {
    const adopted = freshPk();
    answer("GET", `${list}${adopted}/`, 404, gone);
    const { message } = await failureOf(create(invitationInputs({ import: adopted })));
    expect(message).toBe(
      'Invitation "jane" cannot be imported: authentik has none with the pk that the option import gives. Correct the pk, or remove the option.',
    );
  });

  test("keeps another resource of the same run from deleting the object", async () => {
    const adopted = freshPk();
    answer("GET", `${list}${adopted}/`, 200, invitationBody({ pk: adopted }));
    await create(invitationInputs({ import: adopted }));
    await invitationProvider.delete(invitationId(adopted), invitationState({ pk: adopted }));
    expect(lines()).toEqual([`GET ${list}${adopted}/`]);
    expect(warn.mock.calls).toEqual([
      ['invitation "jane": not deleted, for another resource of this run has just adopted it.'],
    ]);
  });
});
