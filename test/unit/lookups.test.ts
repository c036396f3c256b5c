import "./support/environment";
import * as pulumi from "@pulumi/pulumi";
import {
  type FoundInvitation,
  getFlow,
  getFlowOutput,
  getInvitation,
  getInvitationOutput,
  getInvitationStage,
  getInvitationStageOutput,
  getInvitations,
  getInvitationsOutput,
} from "../../provider";
import { invitationId } from "../../provider/common/pk";
import {
  flowBody,
  flowPk,
  gone,
  htmlPage,
  invitationBody,
  invitationToFlow,
  meBody,
  noPermission,
  otherFlowPk,
  otherPk,
  pageBody,
  pk,
  stageBody,
  stagePk,
} from "./support/bodies";
import { freshSettings } from "./support/events";
import { answer, base, clearExchanges, expectAllAsked, lines, settings } from "./support/exchanges";
import { failureOf } from "./support/failure";

const flows = "/flows/instances/";
const stages = "/stages/invitation/stages/";
const invitations = "/stages/invitation/invitations/";
const paging = "ordering=pk&page_size=100&page=1";

beforeEach(() => {
  clearExchanges();
  pulumi.runtime.setAllConfig(freshSettings());
});
afterEach(expectAllAsked);

/** The error with which a look-up fails: one sentence for the user, without a stack and without a pk of an invitation. */
async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const { message, stack } = await failureOf(promise);
  expect(stack).toBe("");
  expect(message).toMatch(/^get\w+: [^\n]*\.$/);
  for (const secret of [pk, pk.replaceAll("-", ""), settings["authentik:token"]]) expect(message).not.toContain(secret);
  return message;
}

/** An output's value, and whether it is secret. */
async function seen<T>(output: pulumi.Output<T>): Promise<{ value: T; isSecret: boolean }> {
  const value = await new Promise<T>((resolve) => output.apply((known) => resolve(known as T)));
  return { value, isSecret: await pulumi.isSecret(output) };
}

describe("getFlow", () => {
  const found = {
    pk: flowPk,
    name: "Enrollment",
    slug: "enrollment",
    title: "Welcome",
    designation: "enrollment",
    authentication: undefined,
    policyEngineMode: "any",
    compatibilityMode: false,
    layout: "stacked",
    deniedAction: "message_continue",
    exportUrl: "/api/v3/flows/instances/enrollment/export/",
  };

  test("finds a flow by its slug", async () => {
    answer("GET", flows, 200, pageBody([flowBody()]));
    expect(await getFlow({ slug: " enrollment " })).toEqual(found);
    expect(lines()).toEqual([`GET ${flows}?slug=enrollment&${paging}`]);
  });

  test("finds a flow by its pk in any spelling", async () => {
    answer("GET", flows, 200, pageBody([flowBody()]));
    expect(await getFlow({ pk: flowPk.replaceAll("-", "").toUpperCase() })).toEqual(found);
    expect(lines()).toEqual([`GET ${flows}?flow_uuid=${flowPk}&${paging}`]);
  });

  test("gives what only newer servers show", async () => {
    answer("GET", flows, 200, pageBody([flowBody({ authentication: "require_redirect", layout: "brand_new" })]));
    expect(await getFlow({ slug: "enrollment" })).toMatchObject({
      authentication: "require_redirect",
      layout: "brand_new",
    });
  });

  test("does not take another flow for the one that was asked for", async () => {
    answer("GET", flows, 200, pageBody([flowBody({ slug: "Enrollment" }), flowBody({ pk: otherFlowPk, slug: "x" })]));
    expect(await refusalOf(getFlow({ slug: "enrollment" }))).toBe(
      'getFlow: authentik has no flow with the slug "enrollment" that the token\'s user may see.',
    );
  });

  test("says that there is none with the pk", async () => {
    answer("GET", flows, 200, pageBody([]));
    expect(await refusalOf(getFlow({ pk: flowPk }))).toBe(
      `getFlow: authentik has no flow with the pk ${flowPk} that the token's user may see.`,
    );
  });

  test("names the permission that lacks", async () => {
    answer("GET", flows, 403, noPermission);
    answer("GET", "/core/users/me/", 200, meBody);
    const { message, stack } = await failureOf(getFlow({ slug: "enrollment" }));
    expect(message).toContain("lacks the permission authentik_flows.view_flow");
    expect(stack).toBe("");
  });
});

describe("getInvitationStage", () => {
  test("finds a stage by its name, and gives what users use of it", async () => {
    answer("GET", stages, 200, pageBody([stageBody({ flow_set: [flowBody()] })]));
    expect(await getInvitationStage({ name: " invitation " })).toEqual({
      pk: stagePk,
      name: "invitation",
      continueFlowWithoutInvitation: false,
      flowSet: [expect.objectContaining({ pk: flowPk, slug: "enrollment" })],
    });
    expect(lines()).toEqual([`GET ${stages}?name=invitation&${paging}`]);
  });

  test("finds a stage by its pk", async () => {
    answer("GET", stages, 200, pageBody([stageBody()]));
    expect(await getInvitationStage({ pk: `{${stagePk.toUpperCase()}}` })).toMatchObject({ pk: stagePk });
    expect(lines()).toEqual([`GET ${stages}?stage_uuid=${stagePk}&${paging}`]);
  });

  test("says that there is none", async () => {
    answer("GET", stages, 200, pageBody([stageBody({ name: "Invitation" })]));
    expect(await refusalOf(getInvitationStage({ name: "invitation" }))).toBe(
      'getInvitationStage: authentik has no invitation stage with the name "invitation" that the token\'s user may see.',
    );
    answer("GET", stages, 200, pageBody([]));
    expect(await refusalOf(getInvitationStage({ pk: stagePk }))).toContain(`with the pk ${stagePk} that`);
  });
});

describe("getInvitation", () => {
  async function expectJane(found: FoundInvitation): Promise<void> {
    const { pk: foundPk, link, ...rest } = found;
    expect(rest).toEqual({
      id: invitationId(pk),
      name: "jane",
      expires: "2031-05-06T07:08:09Z",
      status: "pending",
      fixedData: { a: 1 },
      singleUse: false,
      flowPk,
      flowSlug: "enrollment",
      createdBy: "akadmin",
    });
    expect(await seen(foundPk)).toEqual({ value: pk, isSecret: true });
    expect(await seen(link)).toEqual({ value: `${base}/if/flow/enrollment/?itoken=${pk}`, isSecret: true });
  }

  test("finds an invitation by its pk in any spelling; pk and link are secrets", async () => {
    answer("GET", `${invitations}${pk}/`, 200, invitationToFlow({ fixed_data: { a: 1 } }));
    await expectJane(await getInvitation({ pk: pk.toUpperCase() }));
  });

  test("finds an invitation by its name", async () => {
    answer("GET", invitations, 200, pageBody([invitationToFlow({ fixed_data: { a: 1 } })]));
    await expectJane(await getInvitation({ name: "jane" }));
    expect(lines()).toEqual([`GET ${invitations}?name=jane&${paging}`]);
  });

  test("shows one without a flow, without an end, or at its end", async () => {
    answer("GET", `${invitations}${pk}/`, 200, invitationBody({ expires: null, created_by: null }));
    const endless = await getInvitation({ pk });
    expect(endless).toMatchObject({ status: "pending", expires: undefined, flowPk: undefined, createdBy: undefined });
    expect(await seen(endless.link)).toEqual({ value: undefined, isSecret: true });
    answer("GET", `${invitations}${otherPk}/`, 200, invitationBody({ pk: otherPk, expires: "2021-01-01T00:00:00Z" }));
    expect(await getInvitation({ pk: otherPk })).toMatchObject({ status: "expired" });
  });

  test("says that there is none, and shows no pk", async () => {
    answer("GET", `${invitations}${pk}/`, 404, gone);
    expect(await refusalOf(getInvitation({ pk }))).toBe(
      "getInvitation: authentik has no invitation with this pk that the token's user may see.",
    );
    answer("GET", invitations, 200, pageBody([]));
    expect(await refusalOf(getInvitation({ name: "jane" }))).toBe(
      'getInvitation: authentik has no invitation with the name "jane" that the token\'s user may see.',
    );
  });

  test("says how many have the name, on all pages", async () => {
    const rows = (count: number) => Array.from({ length: count }, () => invitationBody());
    answer("GET", invitations, 200, pageBody(rows(100), 2));
    answer("GET", invitations, 200, pageBody(rows(2)));
    expect(await refusalOf(getInvitation({ name: "jane" }))).toBe(
      'getInvitation: 102 invitations have the name "jane": give the pk, or use getInvitations.',
    );
  });

  test("does not take a wrong address for an invitation that is gone, and shows no pk", async () => {
    answer("GET", `${invitations}${pk}/`, 404, htmlPage);
    const { message, stack } = await failureOf(getInvitation({ pk }));
    expect(message).toContain("What answered is not authentik's API");
    expect([message, stack]).toEqual([expect.not.stringContaining(pk), ""]);
  });
});

describe("getInvitations", () => {
  test("finds all, on all pages", async () => {
    answer("GET", invitations, 200, pageBody([invitationBody()], 2));
    answer("GET", invitations, 200, pageBody([invitationBody({ pk: otherPk, name: "john" })]));
    const found = await getInvitations();
    expect(found.map(({ name, id }) => [name, id])).toEqual([
      ["jane", invitationId(pk)],
      ["john", invitationId(otherPk)],
    ]);
    expect(await seen((found[1] as FoundInvitation).pk)).toEqual({ value: otherPk, isSecret: true });
    expect(lines()).toEqual([
      `GET ${invitations}?${paging}`,
      `GET ${invitations}?${paging.replace("page=1", "page=2")}`,
    ]);
  });

  test("narrows by all that authentik knows, in its words", async () => {
    answer("GET", invitations, 200, pageBody([]));
    const filters = {
      name: "jane",
      flowSlug: "enrollment",
      createdBy: "akadmin",
      expires: "2031-05-06T09:08:09+02:00",
    };
    expect(await getInvitations(filters)).toEqual([]);
    expect(Object.fromEntries(new URLSearchParams(lines()[0]?.split("?")[1]))).toEqual({
      name: "jane",
      flow__slug: "enrollment",
      created_by__username: "akadmin",
      expires: "2031-05-06T09:08:09+02:00",
      ordering: "pk",
      page_size: "100",
      page: "1",
    });
  });
});

describe("arguments that do not fit", () => {
  const untyped = {
    getFlow: getFlow as (args: object) => Promise<unknown>,
    getInvitationStage: getInvitationStage as (args: object) => Promise<unknown>,
    getInvitation: getInvitation as (args: object) => Promise<unknown>,
    getInvitations: getInvitations as (args: object) => Promise<unknown>,
  };

  // Nothing is sent: each test fails on a request that nothing was prepared for.
  test.each<[keyof typeof untyped, object, string]>([
    ["getFlow", {}, "getFlow: give exactly one of slug and pk."],
    ["getFlow", { slug: "x", pk: flowPk }, "getFlow: give exactly one of slug and pk."],
    ["getFlow", { slug: undefined }, "getFlow: give exactly one of slug and pk."],
    ["getFlow", { pk: "enrollment" }, "getFlow: pk must be a UUID."],
    ["getFlow", { slug: 7 }, "getFlow: slug must be a text."],
    ["getFlow", { slug: null }, "getFlow: slug must be a text."],
    ["getFlow", { name: "x" }, "getFlow: name is no argument of it; its arguments are slug, pk, connection."],
    ["getInvitationStage", {}, "getInvitationStage: give exactly one of name and pk."],
    ["getInvitationStage", { pk: "x" }, "getInvitationStage: pk must be a UUID."],
    ["getInvitation", {}, "getInvitation: give exactly one of pk and name."],
    ["getInvitation", { pk: "not-one" }, "getInvitation: pk must be a UUID."],
    [
      "getInvitations",
      { flow: "enrollment" },
      "getInvitations: flow is no argument of it; its arguments are name, flowSlug, createdBy, expires, connection.",
    ],
    [
      "getInvitations",
      { flowslug: "enrollment" },
      "getInvitations: flowslug is no argument of it; its arguments are name, flowSlug, createdBy, expires, connection.",
    ],
    ["getInvitations", { expires: new Date(0) }, "getInvitations: expires must be a text."],
    // authentik ignores an empty filter, and would give all.
    ["getFlow", { slug: "" }, "getFlow: slug must not be empty."],
    ["getInvitationStage", { name: " " }, "getInvitationStage: name must not be empty."],
    ["getInvitation", { name: "" }, "getInvitation: name must not be empty."],
    ["getInvitations", { flowSlug: "" }, "getInvitations: flowSlug must not be empty."],
    ["getInvitations", { name: "\t" }, "getInvitations: name must not be empty."],
    ["getInvitations", { createdBy: "", name: "x" }, "getInvitations: createdBy must not be empty."],
  ])("%s(%j)", async (look, args, refusal) => {
    expect(await refusalOf(untyped[look](args))).toBe(refusal);
    expect(lines()).toEqual([]);
  });

  test("no configuration is said, with what to set", async () => {
    pulumi.runtime.setAllConfig({});
    const { message, stack } = await failureOf(getFlow({ slug: "x" }));
    expect([message, stack]).toEqual([expect.stringContaining("pulumi config set authentik:url"), ""]);
  });

  test("an authentik that is named is asked, with its own token", async () => {
    const at = "https://staging.authentik.test/sso";
    pulumi.runtime.setAllConfig({ "staging:url": at, "staging:token": "other" });
    answer("GET", flows, 200, pageBody([flowBody()]), { at });
    answer("GET", invitations, 200, pageBody([invitationToFlow()]), { at });
    expect(await getFlow({ slug: "enrollment", connection: "staging" })).toMatchObject({ pk: flowPk });
    const [found] = await getInvitations({ connection: "staging" });
    expect((await seen((found as FoundInvitation).link)).value).toBe(`${at}/if/flow/enrollment/?itoken=${pk}`);
  });
});

describe("a question", () => {
  const asking: [string, string, object, () => Promise<unknown>][] = [
    ["getFlow", flows, pageBody([flowBody()]), () => getFlow({ slug: "enrollment" })],
    ["getInvitationStage", stages, pageBody([stageBody()]), () => getInvitationStage({ name: "invitation" })],
    ["getInvitation", `${invitations}${pk}/`, invitationBody(), () => getInvitation({ pk })],
    ["getInvitation by name", invitations, pageBody([invitationBody()]), () => getInvitation({ name: "jane" })],
    ["getInvitations", invitations, pageBody([invitationBody()]), () => getInvitations({ createdBy: "akadmin" })],
  ];

  test.each(asking)(
    "of %s that is asked 20 times at once, and once more, is one request",
    async (_look, path, body, ask) => {
      answer("GET", path, 200, body as Record<string, unknown>);
      await Promise.all(Array.from({ length: 20 }, ask));
      await ask();
      expect(lines()).toHaveLength(1);
    },
  );

  test.each(asking)("of %s that failed is asked again", async (_look, path, body, ask) => {
    answer("GET", path, 500, htmlPage);
    answer("GET", path, 200, body as Record<string, unknown>);
    const failures = await Promise.allSettled([ask(), ask()]);
    expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await ask();
    expect(lines()).toHaveLength(2);
  });

  test.each(asking.slice(0, 4))(
    "of %s that found none is asked again: it may have been made since",
    async (_look, path, body, ask) => {
      const isOne = path.endsWith(`${pk}/`);
      answer("GET", path, isOne ? 404 : 200, isOne ? gone : pageBody([]));
      answer("GET", path, 200, body as Record<string, unknown>);
      await failureOf(ask());
      await ask();
      expect(lines()).toHaveLength(2);
    },
  );

  test("that differs is another one", async () => {
    answer("GET", flows, 200, pageBody([flowBody()]), { times: 2 });
    answer("GET", flows, 200, pageBody([flowBody({ slug: "other" })]));
    await getFlow({ slug: "enrollment" });
    await getFlow({ pk: flowPk });
    await getFlow({ slug: "other" });
    expect(lines()).toHaveLength(3);
  });

  test("whose answer somebody changes is answered as before", async () => {
    answer("GET", invitations, 200, pageBody([invitationBody({ fixed_data: { a: 1 } })]));
    const [first] = await getInvitations();
    (first as FoundInvitation).fixedData["a"] = 2;
    (first as FoundInvitation).name = "changed";
    expect((await getInvitations())[0]).toMatchObject({ name: "jane", fixedData: { a: 1 } });
    answer("GET", flows, 200, pageBody([flowBody()]));
    (await getFlow({ slug: "enrollment" })).slug = "changed";
    expect(await getFlow({ slug: "enrollment" })).toMatchObject({ slug: "enrollment" });
  });
});

describe("the Output twins", () => {
  test("take what other resources give", async () => {
    answer("GET", flows, 200, pageBody([flowBody()]));
    answer("GET", stages, 200, pageBody([stageBody()]));
    const slug = pulumi.output(Promise.resolve("enrollment"));
    expect(await seen(getFlowOutput({ slug }).pk)).toEqual({ value: flowPk, isSecret: false });
    const stage = getInvitationStageOutput({ name: pulumi.secret("invitation") });
    expect(await seen(stage.pk)).toEqual({ value: stagePk, isSecret: true });
  });

  test("give invitations as secrets", async () => {
    answer("GET", `${invitations}${pk}/`, 200, invitationToFlow());
    const one = getInvitationOutput({ pk: pulumi.secret(pk) });
    expect(await seen(one.pk)).toEqual({ value: pk, isSecret: true });
    expect(await seen(one.link)).toEqual({ value: `${base}/if/flow/enrollment/?itoken=${pk}`, isSecret: true });
    answer("GET", invitations, 200, pageBody([invitationBody()]), { times: 2 });
    const all = getInvitationsOutput({ name: pulumi.output("jane") });
    expect(await seen(all.apply(([first]) => first?.pk))).toEqual({ value: pk, isSecret: true });
    expect((await seen(getInvitationsOutput())).value).toHaveLength(1);
  });
});
