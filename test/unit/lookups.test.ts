import "./support/environment";
import * as pulumi from "@pulumi/pulumi";
import {
  type GetInvitationResult,
  getFlow,
  getFlowOutput,
  getInvitation,
  getInvitationOutput,
  getInvitationStage,
  getInvitationStageOutput,
  getInvitations,
  getInvitationsOutput,
} from "pulumi-authentik-invitations";
import { invitationId } from "../../provider/common/pk";
import { catchError } from "./support/catch-error";
import {
  authentikUrl,
  expectAllMocksUsed,
  freshSettings,
  mockResponse,
  requestLines,
  resetHttpMocks,
  settings,
} from "./support/http-mocks";
import {
  flowBody,
  flowPk,
  htmlPage,
  invitationBody,
  invitationBodyWithFlow,
  meBody,
  notFoundBody,
  otherFlowPk,
  otherPk,
  pageBody,
  permissionDeniedBody,
  pk,
  stageBody,
  stagePk,
} from "./support/response-bodies";

const flowsPath = "/flows/instances/";
const stagesPath = "/stages/invitation/stages/";
const invitationsPath = "/stages/invitation/invitations/";
const firstPage = "ordering=pk&page_size=500&page=1";

beforeEach(() => {
  resetHttpMocks();
  pulumi.runtime.setAllConfig(freshSettings());
});
afterEach(expectAllMocksUsed);

/** Returns the message of a failing lookup: one line that starts with the function's name, without a stack or a secret. */
async function catchLookupError(promise: Promise<unknown>): Promise<string> {
  const { message, stack } = await catchError(promise);
  expect(stack).toBe("");
  expect(message).toMatch(/^get\w+: [^\n]*\.$/);
  for (const secret of [pk, pk.replaceAll("-", ""), settings["authentik:token"]]) expect(message).not.toContain(secret);
  return message;
}

/** Resolves an output to its value, and whether it is secret. */
async function resolveOutput<T>(output: pulumi.Output<T>): Promise<{ value: T; isSecret: boolean }> {
  const value = await new Promise<T>((resolve) => output.apply((resolved) => resolve(resolved as T)));
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
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]));
    expect(await getFlow({ slug: " enrollment " })).toEqual(found);
    expect(requestLines()).toEqual([`GET ${flowsPath}?slug=enrollment&${firstPage}`]);
  });

  test("finds a flow by its pk in any spelling", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]));
    expect(await getFlow({ pk: flowPk.replaceAll("-", "").toUpperCase() })).toEqual(found);
    expect(requestLines()).toEqual([`GET ${flowsPath}?flow_uuid=${flowPk}&${firstPage}`]);
  });

  test("returns fields and values of newer servers", async () => {
    mockResponse(
      "GET",
      flowsPath,
      200,
      pageBody([flowBody({ authentication: "require_redirect", layout: "new_layout" })]),
    );
    expect(await getFlow({ slug: "enrollment" })).toMatchObject({
      authentication: "require_redirect",
      layout: "new_layout",
    });
  });

  test("does not return a flow with another slug", async () => {
    mockResponse(
      "GET",
      flowsPath,
      200,
      pageBody([flowBody({ slug: "Enrollment" }), flowBody({ pk: otherFlowPk, slug: "x" })]),
    );
    expect(await catchLookupError(getFlow({ slug: "enrollment" }))).toBe(
      'getFlow: authentik has no flow with the slug "enrollment" that the token\'s user is allowed to view.',
    );
  });

  test("fails if no flow has the pk", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([]));
    expect(await catchLookupError(getFlow({ pk: flowPk }))).toBe(
      `getFlow: authentik has no flow with the pk ${flowPk} that the token's user is allowed to view.`,
    );
  });

  test("names the missing permission", async () => {
    mockResponse("GET", flowsPath, 403, permissionDeniedBody);
    mockResponse("GET", "/core/users/me/", 200, meBody);
    const { message, stack } = await catchError(getFlow({ slug: "enrollment" }));
    expect(message).toContain("lacks the permission authentik_flows.view_flow");
    expect(stack).toBe("");
  });
});

describe("getInvitationStage", () => {
  test("finds a stage by its name, and returns only the documented properties", async () => {
    mockResponse("GET", stagesPath, 200, pageBody([stageBody({ flow_set: [flowBody()] })]));
    expect(await getInvitationStage({ name: " invitation " })).toEqual({
      pk: stagePk,
      name: "invitation",
      continueFlowWithoutInvitation: false,
      flowSet: [expect.objectContaining({ pk: flowPk, slug: "enrollment" })],
    });
    expect(requestLines()).toEqual([`GET ${stagesPath}?name=invitation&${firstPage}`]);
  });

  test("finds a stage by its pk", async () => {
    mockResponse("GET", stagesPath, 200, pageBody([stageBody()]));
    expect(await getInvitationStage({ pk: `{${stagePk.toUpperCase()}}` })).toMatchObject({ pk: stagePk });
    expect(requestLines()).toEqual([`GET ${stagesPath}?stage_uuid=${stagePk}&${firstPage}`]);
  });

  test("fails if no invitation stage has the name or pk", async () => {
    mockResponse("GET", stagesPath, 200, pageBody([stageBody({ name: "Invitation" })]));
    expect(await catchLookupError(getInvitationStage({ name: "invitation" }))).toBe(
      'getInvitationStage: authentik has no invitation stage with the name "invitation" that the token\'s user is allowed to view.',
    );
    mockResponse("GET", stagesPath, 200, pageBody([]));
    expect(await catchLookupError(getInvitationStage({ pk: stagePk }))).toContain(`with the pk ${stagePk} that`);
  });
});

describe("getInvitation", () => {
  async function expectJane(found: GetInvitationResult): Promise<void> {
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
    expect(await resolveOutput(foundPk)).toEqual({ value: pk, isSecret: true });
    expect(await resolveOutput(link)).toEqual({
      value: `${authentikUrl}/if/flow/enrollment/?itoken=${pk}`,
      isSecret: true,
    });
  }

  test("finds an invitation by its pk in any spelling; pk and link are secrets", async () => {
    mockResponse("GET", `${invitationsPath}${pk}/`, 200, invitationBodyWithFlow({ fixed_data: { a: 1 } }));
    await expectJane(await getInvitation({ pk: pk.toUpperCase() }));
  });

  test("finds an invitation by its name", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBodyWithFlow({ fixed_data: { a: 1 } })]));
    await expectJane(await getInvitation({ name: "jane" }));
    expect(requestLines()).toEqual([`GET ${invitationsPath}?name=jane&${firstPage}`]);
  });

  test("returns an invitation without a flow, without an expiry, or expired", async () => {
    mockResponse("GET", `${invitationsPath}${pk}/`, 200, invitationBody({ expires: null, created_by: null }));
    const withoutExpiry = await getInvitation({ pk });
    expect(withoutExpiry).toMatchObject({
      status: "pending",
      expires: undefined,
      flowPk: undefined,
      createdBy: undefined,
    });
    expect(await resolveOutput(withoutExpiry.link)).toEqual({ value: undefined, isSecret: true });
    mockResponse(
      "GET",
      `${invitationsPath}${otherPk}/`,
      200,
      invitationBody({ pk: otherPk, expires: "2021-01-01T00:00:00Z" }),
    );
    expect(await getInvitation({ pk: otherPk })).toMatchObject({ status: "expired" });
  });

  test("reports that no invitation has the pk or name, without showing the pk", async () => {
    mockResponse("GET", `${invitationsPath}${pk}/`, 404, notFoundBody);
    expect(await catchLookupError(getInvitation({ pk }))).toBe(
      "getInvitation: authentik has no invitation with this pk that the token's user is allowed to view.",
    );
    mockResponse("GET", invitationsPath, 200, pageBody([]));
    expect(await catchLookupError(getInvitation({ name: "jane" }))).toBe(
      'getInvitation: authentik has no invitation with the name "jane" that the token\'s user is allowed to view.',
    );
  });

  test("fails with the number of invitations on all pages if several have the name", async () => {
    const rows = (count: number) => Array.from({ length: count }, () => invitationBody());
    mockResponse("GET", invitationsPath, 200, pageBody(rows(100), 2));
    mockResponse("GET", invitationsPath, 200, pageBody(rows(2)));
    expect(await catchLookupError(getInvitation({ name: "jane" }))).toBe(
      'getInvitation: 102 invitations have the name "jane". Set pk instead, or use getInvitations.',
    );
  });

  test("distinguishes a wrong URL from a deleted invitation, without showing the pk", async () => {
    mockResponse("GET", `${invitationsPath}${pk}/`, 404, htmlPage);
    const { message, stack } = await catchError(getInvitation({ pk }));
    expect(message).toContain("The response did not come from authentik's API");
    expect([message, stack]).toEqual([expect.not.stringContaining(pk), ""]);
  });
});

describe("getInvitations", () => {
  test("returns the invitations of all pages", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()], 2));
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody({ pk: otherPk, name: "john" })]));
    const found = await getInvitations();
    expect(found.map(({ name, id }) => [name, id])).toEqual([
      ["jane", invitationId(pk)],
      ["john", invitationId(otherPk)],
    ]);
    expect(await resolveOutput((found[1] as GetInvitationResult).pk)).toEqual({ value: otherPk, isSecret: true });
    expect(requestLines()).toEqual([
      `GET ${invitationsPath}?${firstPage}`,
      `GET ${invitationsPath}?${firstPage.replace("page=1", "page=2")}`,
    ]);
  });

  test("sends all filters under authentik's names", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([]));
    const filters = {
      name: "jane",
      flowSlug: "enrollment",
      createdBy: "akadmin",
      expires: "2031-05-06T09:08:09+02:00",
    };
    expect(await getInvitations(filters)).toEqual([]);
    expect(Object.fromEntries(new URLSearchParams(requestLines()[0]?.split("?")[1]))).toEqual({
      name: "jane",
      flow__slug: "enrollment",
      created_by__username: "akadmin",
      expires: "2031-05-06T09:08:09+02:00",
      ordering: "pk",
      page_size: "500",
      page: "1",
    });
  });
});

describe("lookup arguments", () => {
  const untyped = {
    getFlow: getFlow as (args: object) => Promise<unknown>,
    getInvitationStage: getInvitationStage as (args: object) => Promise<unknown>,
    getInvitation: getInvitation as (args: object) => Promise<unknown>,
    getInvitations: getInvitations as (args: object) => Promise<unknown>,
  };

  test.each<[keyof typeof untyped, object, string]>([
    ["getFlow", {}, "getFlow: set exactly one of slug and pk."],
    ["getFlow", { slug: "x", pk: flowPk }, "getFlow: set exactly one of slug and pk."],
    ["getFlow", { slug: undefined }, "getFlow: set exactly one of slug and pk."],
    ["getFlow", { pk: "enrollment" }, "getFlow: pk must be a UUID."],
    ["getFlow", { slug: 7 }, "getFlow: slug must be a string."],
    ["getFlow", { slug: null }, "getFlow: slug must be a string."],
    ["getFlow", { name: "x" }, "getFlow: unknown argument name. The arguments are slug, pk, connection."],
    ["getInvitationStage", {}, "getInvitationStage: set exactly one of name and pk."],
    ["getInvitationStage", { pk: "x" }, "getInvitationStage: pk must be a UUID."],
    ["getInvitation", {}, "getInvitation: set exactly one of pk and name."],
    ["getInvitation", { pk: "not-one" }, "getInvitation: pk must be a UUID."],
    [
      "getInvitations",
      { flow: "enrollment" },
      "getInvitations: unknown argument flow. The arguments are name, flowSlug, createdBy, expires, connection.",
    ],
    [
      "getInvitations",
      { flowslug: "enrollment" },
      "getInvitations: unknown argument flowslug. The arguments are name, flowSlug, createdBy, expires, connection.",
    ],
    ["getInvitations", { expires: new Date(0) }, "getInvitations: expires must be a string."],
    // authentik ignores an empty filter, and would return all objects.
    ["getFlow", { slug: "" }, "getFlow: slug must not be empty."],
    ["getInvitationStage", { name: " " }, "getInvitationStage: name must not be empty."],
    ["getInvitation", { name: "" }, "getInvitation: name must not be empty."],
    ["getInvitations", { flowSlug: "" }, "getInvitations: flowSlug must not be empty."],
    ["getInvitations", { name: "\t" }, "getInvitations: name must not be empty."],
    ["getInvitations", { createdBy: "", name: "x" }, "getInvitations: createdBy must not be empty."],
  ])("are rejected: %s(%j)", async (functionName, args, message) => {
    expect(await catchLookupError(untyped[functionName](args))).toBe(message);
    expect(requestLines()).toEqual([]);
  });

  test("require a configured connection: the error explains what to set", async () => {
    pulumi.runtime.setAllConfig({});
    const { message, stack } = await catchError(getFlow({ slug: "x" }));
    expect([message, stack]).toEqual([expect.stringContaining("pulumi config set authentik:url"), ""]);
  });

  test("can select a connection with its own URL and token", async () => {
    const baseUrl = "https://staging.authentik.test/sso";
    pulumi.runtime.setAllConfig({ "staging:url": baseUrl, "staging:token": "other" });
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]), { baseUrl });
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBodyWithFlow()]), { baseUrl });
    expect(await getFlow({ slug: "enrollment", connection: "staging" })).toMatchObject({ pk: flowPk });
    const [found] = await getInvitations({ connection: "staging" });
    expect((await resolveOutput((found as GetInvitationResult).link)).value).toBe(
      `${baseUrl}/if/flow/enrollment/?itoken=${pk}`,
    );
  });
});

describe("lookup options", () => {
  test.each([
    ["provider", {}, "no effect, because lookups run in the program. Remove it. To select a server, set connection."],
    [
      "version",
      "1.2.3",
      "no effect, because lookups run in the program. Remove it. To select a server, set connection.",
    ],
    [
      "pluginDownloadURL",
      "x",
      "no effect, because lookups run in the program. Remove it. To select a server, set connection.",
    ],
    ["dependsOn", [], "no effect. Use getFlowOutput."],
  ])("are rejected if they would be ignored: %s", async (name, value, message) => {
    expect(await catchLookupError(getFlow({ slug: "x" }, { [name]: value }))).toBe(
      `getFlow: the option ${name} has ${message}`,
    );
  });

  test("parent and async are accepted", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]));
    expect(await getFlow({ slug: "enrollment" }, { parent: undefined, async: true })).toMatchObject({ pk: flowPk });
  });
});

describe("a lookup", () => {
  const lookups: [string, string, object, () => Promise<unknown>][] = [
    ["getFlow", flowsPath, pageBody([flowBody()]), () => getFlow({ slug: "enrollment" })],
    ["getInvitationStage", stagesPath, pageBody([stageBody()]), () => getInvitationStage({ name: "invitation" })],
    ["getInvitation", `${invitationsPath}${pk}/`, invitationBody(), () => getInvitation({ pk })],
    ["getInvitation by name", invitationsPath, pageBody([invitationBody()]), () => getInvitation({ name: "jane" })],
    ["getInvitations", invitationsPath, pageBody([invitationBody()]), () => getInvitations({ createdBy: "akadmin" })],
  ];

  test.each(lookups)(
    "by %s sends one request for 20 concurrent calls and a later one",
    async (_name, path, body, runLookup) => {
      mockResponse("GET", path, 200, body as Record<string, unknown>);
      await Promise.all(Array.from({ length: 20 }, runLookup));
      await runLookup();
      expect(requestLines()).toHaveLength(1);
    },
  );

  test.each(lookups)("by %s is repeated after a failure", async (_name, path, body, runLookup) => {
    mockResponse("GET", path, 500, htmlPage);
    mockResponse("GET", path, 200, body as Record<string, unknown>);
    const results = await Promise.allSettled([runLookup(), runLookup()]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await runLookup();
    expect(requestLines()).toHaveLength(2);
  });

  test.each(lookups.slice(0, 4))(
    "by %s is repeated if nothing was found, because the object may exist by now",
    async (_name, path, body, runLookup) => {
      const isByPk = path.endsWith(`${pk}/`);
      mockResponse("GET", path, isByPk ? 404 : 200, isByPk ? notFoundBody : pageBody([]));
      mockResponse("GET", path, 200, body as Record<string, unknown>);
      await catchError(runLookup());
      await runLookup();
      expect(requestLines()).toHaveLength(2);
    },
  );

  test("belong to the program's run: another stack of the same process asks again", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]), { times: 2 });
    await getFlow({ slug: "enrollment" });
    pulumi.runtime.setMockOptions({}, "project", "prod");
    await getFlow({ slug: "enrollment" });
    expect(requestLines()).toHaveLength(2);
  });

  test("with other arguments sends another request", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]), { times: 2 });
    mockResponse("GET", flowsPath, 200, pageBody([flowBody({ slug: "other" })]));
    await getFlow({ slug: "enrollment" });
    await getFlow({ pk: flowPk });
    await getFlow({ slug: "other" });
    expect(requestLines()).toHaveLength(3);
  });

  test("returns the cached result even if the program modified an earlier result", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody({ fixed_data: { a: 1 } })]));
    const [first] = await getInvitations();
    (first as GetInvitationResult).fixedData["a"] = 2;
    (first as GetInvitationResult).name = "changed";
    expect((await getInvitations())[0]).toMatchObject({ name: "jane", fixedData: { a: 1 } });
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]));
    (await getFlow({ slug: "enrollment" })).slug = "changed";
    expect(await getFlow({ slug: "enrollment" })).toMatchObject({ slug: "enrollment" });
  });
});

describe("the Output variants", () => {
  test("accept outputs of other resources", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]));
    mockResponse("GET", stagesPath, 200, pageBody([stageBody()]));
    const slug = pulumi.output(Promise.resolve("enrollment"));
    expect(await resolveOutput(getFlowOutput({ slug }).pk)).toEqual({ value: flowPk, isSecret: false });
    const stage = getInvitationStageOutput({ name: pulumi.secret("invitation") });
    expect(await resolveOutput(stage.pk)).toEqual({ value: stagePk, isSecret: true });
  });

  test("return invitations as secrets", async () => {
    mockResponse("GET", `${invitationsPath}${pk}/`, 200, invitationBodyWithFlow());
    const invitation = getInvitationOutput({ pk: pulumi.secret(pk) });
    expect(await resolveOutput(invitation.pk)).toEqual({ value: pk, isSecret: true });
    expect(await resolveOutput(invitation.link)).toEqual({
      value: `${authentikUrl}/if/flow/enrollment/?itoken=${pk}`,
      isSecret: true,
    });
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()]), { times: 2 });
    const all = getInvitationsOutput({ name: pulumi.output("jane") });
    expect(await resolveOutput(all.apply(([first]) => first?.pk))).toEqual({ value: pk, isSecret: true });
    expect((await resolveOutput(getInvitationsOutput())).value).toHaveLength(1);
  });
});
