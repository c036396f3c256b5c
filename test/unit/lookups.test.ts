import "./support/environment";
import * as pulumi from "@pulumi/pulumi";
import {
  type GetInvitationResult,
  getFlow,
  getInvitation,
  getInvitationStage,
  getInvitations,
  getStage,
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
  type Body,
  flowBody,
  flowPk,
  htmlPage,
  invitationBody,
  invitationBodyWithFlow,
  notFoundBody,
  otherFlowPk,
  otherPk,
  pageBody,
  pk,
  stageBody,
  stagePk,
} from "./support/response-bodies";

const flowsPath = "/flows/instances/";
const stagesPath = "/stages/invitation/stages/";
const invitationsPath = "/stages/invitation/invitations/";
const invitationPath = `${invitationsPath}${pk}/`;
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

const mockList = (path: string, ...bodies: readonly Body[]): void => mockResponse("GET", path, 200, pageBody(bodies));

const foundFlow = {
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
const foundStage = {
  pk: stagePk,
  name: "invitation",
  continueFlowWithoutInvitation: false,
  flowSet: [expect.objectContaining({ pk: flowPk, slug: "enrollment" })],
};
const inFlow = stageBody({ flow_set: [flowBody()] });
const newerFlow = { authentication: "require_redirect", layout: "new_layout" };
const promptStage = (name: string): Body => ({
  ...{ pk: stagePk, name, component: "ak-stage-prompt-form" },
  ...{ verbose_name: "Prompt Stage", meta_model_name: "authentik_stages_prompt.promptstage" },
});
const foundPrompt = expect.objectContaining({ pk: stagePk, name: "prompt", verboseName: "Prompt Stage" });

const upperPk = flowPk.replaceAll("-", "").toUpperCase();

test.each<[string, string, Body, () => Promise<unknown>, unknown]>([
  [flowsPath, "slug=enrollment", flowBody(), () => getFlow({ slug: " enrollment " }), foundFlow],
  [flowsPath, `flow_uuid=${flowPk}`, flowBody(), () => getFlow({ pk: upperPk }), foundFlow],
  // Fields and values of newer servers.
  [
    flowsPath,
    "slug=x",
    flowBody({ slug: "x", ...newerFlow }),
    () => getFlow({ slug: "x" }),
    { ...foundFlow, slug: "x", ...newerFlow },
  ],
  [stagesPath, "name=invitation", inFlow, () => getInvitationStage({ name: " invitation " }), foundStage],
  [
    stagesPath,
    `stage_uuid=${stagePk}`,
    inFlow,
    () => getInvitationStage({ pk: `{${stagePk.toUpperCase()}}` }),
    foundStage,
  ],
  ["/stages/all/", "name=prompt", promptStage("prompt"), () => getStage({ name: " prompt " }), foundPrompt],
])(
  "finds an object at %s by %s, and returns only the documented properties",
  async (path, query, body, lookup, found) => {
    mockList(path, body);
    expect(await lookup()).toEqual(found);
    expect(requestLines()).toEqual([`GET ${path}?${query}&${firstPage}`]);
  },
);

const existing = [promptStage("write"), promptStage("login")];

const similarFlows = [flowBody({ slug: "Enrollment" }), flowBody({ pk: otherFlowPk, slug: "x" })];
const similarStages = [stageBody({ name: "X" })];

test.each<[string, string, Body[], () => Promise<unknown>]>([
  ['flow with the slug "enrollment"', flowsPath, similarFlows, () => getFlow({ slug: "enrollment" })],
  [`flow with the pk ${flowPk}`, flowsPath, [], () => getFlow({ pk: flowPk })],
  ['invitation stage with the name "x"', stagesPath, similarStages, () => getInvitationStage({ name: "x" })],
  [`invitation stage with the pk ${stagePk}`, stagesPath, [], () => getInvitationStage({ pk: stagePk })],
  ['invitation with the name "jane"', invitationsPath, [], () => getInvitation({ name: "jane" })],
])("reports that there is no %s", async (object, path, bodies, lookup) => {
  mockList(path, ...bodies);
  expect(await catchLookupError(lookup())).toMatch(
    new RegExp(`^get\\w+: authentik has no ${object} that the token's user is allowed to view\\.$`),
  );
});

test.each<[string, number, Body, string]>([
  ["with the existing names", 200, pageBody(existing), " Existing stages: login, write."],
  ["without the existing names if they cannot be listed", 501, { detail: "not here" }, ""],
])("reports that there is no stage of any kind with the name, %s", async (_case, status, body, names) => {
  mockList("/stages/all/");
  mockResponse("GET", "/stages/all/", status, body);
  expect(await catchLookupError(getStage({ name: "prompt" }))).toBe(
    `getStage: authentik has no stage with the name "prompt" that the token's user is allowed to view.${names}`,
  );
});

describe("getInvitation", () => {
  const stored = invitationBodyWithFlow({ fixed_data: { a: 1 } });

  test.each<[string, string, Body, () => Promise<GetInvitationResult>]>([
    ["its pk in any spelling", invitationPath, stored, () => getInvitation({ pk: pk.toUpperCase() })],
    [
      "its name",
      `${invitationsPath}?name=jane&${firstPage}`,
      pageBody([stored]),
      () => getInvitation({ name: "jane" }),
    ],
  ])("finds an invitation by %s; pk and link are secrets", async (_case, path, body, lookup) => {
    mockResponse("GET", path.split("?")[0] ?? "", 200, body);
    const { pk: foundPk, link, ...rest } = await lookup();
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
    const value = `${authentikUrl}/if/flow/enrollment/?itoken=${pk}`;
    expect(await resolveOutput(link)).toEqual({ value, isSecret: true });
    expect(requestLines()).toEqual([`GET ${path}`]);
  });

  test("returns an invitation without a flow, without an expiry, or expired", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ expires: null, created_by: null }));
    const { link, ...found } = await getInvitation({ pk });
    expect(found).toMatchObject({ status: "pending", expires: undefined, flowPk: undefined, createdBy: undefined });
    expect(await resolveOutput(link)).toEqual({ value: undefined, isSecret: true });
    const expired = invitationBody({ pk: otherPk, expires: "2021-01-01T00:00:00Z" });
    mockResponse("GET", `${invitationsPath}${otherPk}/`, 200, expired);
    expect(await getInvitation({ pk: otherPk })).toMatchObject({ status: "expired" });
  });

  test("reports that no invitation has the pk, without showing it, and distinguishes a wrong URL", async () => {
    mockResponse("GET", invitationPath, 404, notFoundBody);
    expect(await catchLookupError(getInvitation({ pk }))).toBe(
      "getInvitation: authentik has no invitation with this pk that the token's user is allowed to view.",
    );
    mockResponse("GET", invitationPath, 404, htmlPage);
    const { message, stack } = await catchError(getInvitation({ pk }));
    expect(message).toContain("The response did not come from authentik's API");
    expect([message, stack]).toEqual([expect.not.stringContaining(pk), ""]);
  });

  test("fails with the number of invitations on all pages if several have the name", async () => {
    const rows = (count: number) => Array.from({ length: count }, () => invitationBody());
    mockResponse("GET", invitationsPath, 200, pageBody(rows(100), 2));
    mockResponse("GET", invitationsPath, 200, pageBody(rows(2)));
    expect(await catchLookupError(getInvitation({ name: "jane" }))).toBe(
      'getInvitation: 102 invitations have the name "jane". Set pk instead, or use getInvitations.',
    );
  });
});

describe("getInvitations", () => {
  test("sends all filters under authentik's names", async () => {
    mockList(invitationsPath);
    const expires = "2031-05-06T09:08:09+02:00";
    const filters = { name: "jane", flowSlug: "enrollment", createdBy: "akadmin", expires };
    expect(await getInvitations(filters)).toEqual([]);
    expect(Object.fromEntries(new URLSearchParams(requestLines()[0]?.split("?")[1]))).toEqual({
      name: "jane",
      flow__slug: "enrollment",
      created_by__username: "akadmin",
      expires,
      ordering: "pk",
      page_size: "500",
      page: "1",
    });
  });
});

describe("lookup arguments", () => {
  const functions = { getFlow, getInvitationStage, getInvitation, getInvitations };
  // As a program in JavaScript can call them.
  const untyped = functions as unknown as Record<string, (args: object) => Promise<unknown>>;
  const filters = "The arguments are name, flowSlug, createdBy, expires, connection.";

  test.each<[keyof typeof functions, object, string]>([
    ["getFlow", {}, "set exactly one of slug and pk."],
    ["getFlow", { slug: "x", pk: flowPk }, "set exactly one of slug and pk."],
    ["getFlow", { slug: undefined }, "set exactly one of slug and pk."],
    ["getFlow", { pk: "enrollment" }, "pk must be a UUID."],
    ["getFlow", { slug: 7 }, "slug must be a string."],
    ["getFlow", { slug: null }, "slug must be a string."],
    ["getFlow", { name: "x" }, "unknown argument name. The arguments are slug, pk, connection."],
    ["getInvitationStage", {}, "set exactly one of name and pk."],
    ["getInvitationStage", { pk: "x" }, "pk must be a UUID."],
    ["getInvitation", {}, "set exactly one of pk and name."],
    ["getInvitation", { pk: "not-one" }, "pk must be a UUID."],
    ["getInvitations", { flow: "enrollment" }, `unknown argument flow. ${filters}`],
    ["getInvitations", { flowslug: "enrollment" }, `unknown argument flowslug. ${filters}`],
    ["getInvitations", { expires: new Date(0) }, "expires must be a string."],
    // authentik ignores an empty filter, and would return all objects.
    ["getFlow", { slug: "" }, "slug must not be empty."],
    ["getInvitationStage", { name: " " }, "name must not be empty."],
    ["getInvitation", { name: "" }, "name must not be empty."],
    ["getInvitations", { flowSlug: "" }, "flowSlug must not be empty."],
    ["getInvitations", { name: "\t" }, "name must not be empty."],
    ["getInvitations", { createdBy: "", name: "x" }, "createdBy must not be empty."],
  ])("are rejected: %s(%j)", async (name, args, message) => {
    expect(await catchLookupError((untyped[name] as (args: object) => Promise<unknown>)(args))).toBe(
      `${name}: ${message}`,
    );
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
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBodyWithFlow()]), { baseUrl });
    const [found] = await getInvitations({ connection: "staging" });
    const { value } = await resolveOutput((found as GetInvitationResult).link);
    expect(value).toBe(`${baseUrl}/if/flow/enrollment/?itoken=${pk}`);
  });
});

describe("lookup options", () => {
  const inProgram = "no effect, because lookups run in the program. Remove it. To select a server, set connection.";

  test.each([
    ["provider", {}, inProgram],
    ["version", "1.2.3", inProgram],
    ["pluginDownloadURL", "x", inProgram],
    ["dependsOn", [], "no effect. Use getFlowOutput."],
  ])("are rejected if they would be ignored: %s", async (name, value, message) => {
    expect(await catchLookupError(getFlow({ slug: "x" }, { [name]: value }))).toBe(
      `getFlow: the option ${name} has ${message}`,
    );
  });

  test("parent and async are accepted", async () => {
    mockList(flowsPath, flowBody());
    expect(await getFlow({ slug: "enrollment" }, { parent: undefined, async: true })).toMatchObject({ pk: flowPk });
  });
});

describe.each<[string, string, Body, () => Promise<unknown>]>([
  ["getFlow", flowsPath, pageBody([flowBody()]), () => getFlow({ slug: "enrollment" })],
  ["getInvitationStage", stagesPath, pageBody([stageBody()]), () => getInvitationStage({ name: "invitation" })],
  ["getInvitation", invitationPath, invitationBody(), () => getInvitation({ pk })],
  ["getInvitation by name", invitationsPath, pageBody([invitationBody()]), () => getInvitation({ name: "jane" })],
  ["getInvitations", invitationsPath, pageBody([invitationBody()]), () => getInvitations({ createdBy: "akadmin" })],
])("a lookup by %s", (name, path, body, runLookup) => {
  test("sends one request for 20 concurrent calls and a later one", async () => {
    mockResponse("GET", path, 200, body);
    await Promise.all(Array.from({ length: 20 }, runLookup));
    await runLookup();
    expect(requestLines()).toHaveLength(1);
  });

  test("is repeated after a failure, and if nothing was found, because the object may exist by now", async () => {
    mockResponse("GET", path, 500, htmlPage);
    const results = await Promise.allSettled([runLookup(), runLookup()]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    // An empty list is a result.
    const isList = name === "getInvitations";
    if (!isList) {
      const isByPk = path === invitationPath;
      mockResponse("GET", path, isByPk ? 404 : 200, isByPk ? notFoundBody : pageBody([]));
      await catchError(runLookup());
    }
    mockResponse("GET", path, 200, body);
    await runLookup();
    expect(requestLines()).toHaveLength(isList ? 2 : 3);
  });
});

describe("a lookup", () => {
  test("belongs to the program's run: another stack of the same process asks again", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]), { times: 2 });
    await getFlow({ slug: "enrollment" });
    pulumi.runtime.setMockOptions({}, "project", "prod");
    await getFlow({ slug: "enrollment" });
    expect(requestLines()).toHaveLength(2);
  });

  test("with other arguments sends another request", async () => {
    mockResponse("GET", flowsPath, 200, pageBody([flowBody()]), { times: 2 });
    mockList(flowsPath, flowBody({ slug: "other" }));
    await getFlow({ slug: "enrollment" });
    await getFlow({ pk: flowPk });
    await getFlow({ slug: "other" });
    expect(requestLines()).toHaveLength(3);
  });

  test("returns the cached result even if the program modified an earlier result", async () => {
    mockList(invitationsPath, invitationBody({ fixed_data: { a: 1 } }));
    const [first] = await getInvitations();
    (first as GetInvitationResult).fixedData["a"] = 2;
    (first as GetInvitationResult).name = "changed";
    expect((await getInvitations())[0]).toMatchObject({ name: "jane", fixedData: { a: 1 } });
    mockList(flowsPath, flowBody());
    (await getFlow({ slug: "enrollment" })).slug = "changed";
    expect(await getFlow({ slug: "enrollment" })).toMatchObject({ slug: "enrollment" });
  });
});
