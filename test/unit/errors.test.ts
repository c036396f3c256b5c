import { inspect } from "node:util";
import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { z } from "zod";
import { invitationId } from "../../provider/common/pk";
import {
  AuthenticationError,
  AuthentikError,
  Client,
  type ClientRequest,
  type Connection,
  createInvitation,
  InvalidResponseError,
  listInvitations,
  listStages,
  lookups,
  NotAuthentikError,
  NotFoundError,
  PermissionError,
  retrieveInvitation,
  retrieveInvitationStage,
  ServerError,
  ValidationError,
} from "../bundle-internals";
import { catchError } from "./support/catch-error";
import {
  authentikUrl,
  configureWith,
  expectAllMocksUsed,
  mockResponse,
  requestLines,
  resetHttpMocks,
  settings,
  token,
} from "./support/http-mocks";
import { invitationInputs, invitationState } from "./support/invitation";
import {
  flowPk,
  htmlPage,
  invalidTokenBody,
  invitationBody,
  meBody,
  notFoundBody,
  pageBody,
  permissionDeniedBody,
  pk,
  stageBody,
  stagePk,
} from "./support/response-bodies";

const invitationsPath = "/stages/invitation/invitations/";
const invitationPath = `${invitationsPath}${pk}/`;
const mePath = "/core/users/me/";
const redactedPath = `/api/v3${invitationsPath}<${invitationId(pk)}>/`;
const hints = {
  wrongUrl:
    "The response did not come from authentik's API. Check authentik:url, its path, and any proxy in front of the server.",
  notAuthentik:
    "The response did not come from authentik's API. Check authentik:url and any proxy in front of the server.",
  gateway:
    "The response did not come from authentik's API. A gateway or proxy in front of it denied access. Check authentik:headers (the headers that it requires), authentik:url, and the gateway's rules.",
  schema:
    "The response does not match authentik's API schema. Update this package, or report this message as an issue.",
};

const limits = { maxAttempts: 1 };
const request: ClientRequest = {
  method: "GET",
  path: "thing/",
  failure: "Could not read the thing",
  permission: "app.view_thing",
};
const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };

let client: Client;

/** Returns the error of a GET request that receives this response. */
async function catchResponseError(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<AuthentikError> {
  mockResponse("GET", "/thing/", status, body, { headers });
  const error = await catchError(client.send(request, z.object({ pk: z.string() })));
  if (error instanceof AuthentikError) return error;
  throw error;
}

beforeEach(() => {
  resetHttpMocks();
  client = Client.connect({ url: authentikUrl, token, limits });
});
afterEach(expectAllMocksUsed);

describe("403", () => {
  test("with a valid token names the missing permission", async () => {
    mockResponse("GET", invitationPath, 403, permissionDeniedBody);
    mockResponse("GET", mePath, 200, meBody);
    const error = await catchError(retrieveInvitation(client, pk));
    expect(error).toBeInstanceOf(PermissionError);
    expect(error.message).toBe(
      `Could not read the invitation: GET ${redactedPath} returned 403: You do not have permission to perform this action. The token's user lacks the permission authentik_stages_invitation.view_invitation. Grant it to one of the user's roles.`,
    );
  });

  test("with an invalid token explains how to set one", async () => {
    mockResponse("GET", invitationPath, 403, invalidTokenBody);
    mockResponse("GET", mePath, 403, invalidTokenBody);
    const error = await catchError(retrieveInvitation(client, pk));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).toBe(
      `Could not read the invitation: GET ${redactedPath} returned 403: Token invalid/expired. authentik rejected the token. Create an API token (intent API, not expired, of an active user) and set it with \`pulumi config set --secret authentik:token …\`.`,
    );
  });

  test("verifies the token only once", async () => {
    mockResponse("GET", mePath, 200, meBody);
    expect(await catchResponseError(403, permissionDeniedBody)).toBeInstanceOf(PermissionError);
    expect(await catchResponseError(403, permissionDeniedBody)).toBeInstanceOf(PermissionError);
    expect(requestLines().filter((line) => line.includes(mePath))).toHaveLength(1);
  });

  test.each([502, 500, 404])(
    "does not report an invalid token if the request to verify it returns %d",
    async (status) => {
      mockResponse("GET", mePath, status, htmlPage);
      const error = await catchResponseError(403, permissionDeniedBody);
      expect(error).not.toBeInstanceOf(AuthenticationError);
      expect(error.message).toContain("returned 403: You do not have permission to perform this action.");
      expect(error.message).toContain("app.view_thing");
    },
  );

  test("verifies the token again if the first attempt failed", async () => {
    mockResponse("GET", mePath, 503, htmlPage);
    await catchResponseError(403, permissionDeniedBody);
    mockResponse("GET", mePath, 200, meBody);
    expect((await catchResponseError(403, permissionDeniedBody)).hint).toBe(
      "The token's user lacks the permission app.view_thing. Grant it to one of the user's roles.",
    );
  });

  test("with an HTML page is reported as not coming from authentik, without verifying the token", async () => {
    const error = await catchResponseError(403, "<html><head><title>403 Forbidden</title></head></html>");
    expect(error).toBeInstanceOf(NotAuthentikError);
    expect(error.message).toBe(
      `Could not read the thing: GET /api/v3/thing/ returned 403: an HTML page. ${hints.gateway}`,
    );
  });

  test.each<[number, unknown]>([
    [401, { message: "No API key found in request" }],
    [403, { message: "Invalid authentication credentials" }],
    [403, { error: "access_denied", error_description: "blocked" }],
    [403, { type: "about:blank", title: "Forbidden", status: 403, detail: "Blocked by policy." }],
    [401, { detail: "Not authenticated" }],
    [403, { detail: { code: 7 } }],
    [403, [{ detail: "No." }]],
    [407, { detail: "No." }],
  ])("or 401 of a gateway is reported as not coming from authentik: %d %j", async (status, body) => {
    const error = await catchResponseError(status, body);
    expect(error).toBeInstanceOf(NotAuthentikError);
    expect(error.hint).toBe(hints.gateway);
  });

  test("is not blamed on the token if a gateway rejected the request that verifies it", async () => {
    mockResponse("GET", mePath, 403, { message: "No API key found in request" });
    expect((await catchResponseError(403, permissionDeniedBody)).hint).toContain("The token may also be invalid");
  });
});

describe("400", () => {
  test("lists each field's error under the name of the input", async () => {
    mockResponse("POST", invitationsPath, 400, {
      name: ["Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."],
      fixed_data: ["Value must be a dictionary, and not have any duplicate keys."],
      single_use: ["Must be a valid boolean."],
      flow: ["“x” is not a valid UUID."],
    });
    const error = await catchError(createInvitation(client, fields));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toBe(
      `Could not create the invitation: POST /api/v3${invitationsPath} returned 400: name: Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.; fixedData: Value must be a dictionary, and not have any duplicate keys.; singleUse: Must be a valid boolean.; flow: “x” is not a valid UUID. Correct the program and run again.`,
    );
  });

  test("lists errors that belong to no field", async () => {
    const error = await catchResponseError(400, {
      non_field_errors: ["The fields a, b must make a unique set.", "Another error."],
    });
    expect(error.message).toContain("returned 400: The fields a, b must make a unique set. Another error. Correct");
  });

  test("explains what is wrong with the body", async () => {
    const error = await catchResponseError(400, {
      detail: "JSON parse error - Expecting value: line 1 column 1 (char 0)",
    });
    expect(error.message).toContain("returned 400: JSON parse error - Expecting value: line 1 column 1 (char 0).");
  });

  test("provides the errors by API field name", async () => {
    expect(await catchResponseError(400, { single_use: ["Must be a valid boolean."] })).toMatchObject({
      fields: { single_use: ["Must be a valid boolean."] },
    });
  });

  test.each([
    ["a list", ["One.", "Two."], "One. Two."],
    ["a string", "Nope.", "Nope."],
    ["a number", 7, "7"],
    ["nested errors", { policies: { order: ["Must be a number."] } }, "Must be a number."],
    ["a list of errors", { rows: [{}, { name: ["Required."] }] }, "Required."],
    ["null", null, "null"],
    ["the name of a JavaScript built-in", { constructor: ["Odd."] }, "constructor: Odd."],
  ])("shows a body of unexpected shape: %s", async (_case, body, detail) => {
    const error = await catchResponseError(400, JSON.stringify(body), { "content-type": "application/json" });
    expect(error.message).toContain(detail);
    expect(error.message).not.toContain("native code");
  });
});

describe("404", () => {
  test("with authentik's JSON means not found, or not allowed to view", async () => {
    const error = await catchResponseError(404, notFoundBody);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.message).toBe(
      "Could not read the thing: GET /api/v3/thing/ returned 404: No Invitation matches the given query. It does not exist, or the token's user is not allowed to view it (app.view_thing).",
    );
  });

  test.each([
    ["an HTML page", htmlPage, "an HTML page"],
    ["an empty body", "", "an empty body"],
    ["a proxy's JSON", { message: "no Route matched with those values" }, "no Route matched with those values"],
  ])("with %s means a wrong URL", async (_case, body, detail) => {
    const error = await catchResponseError(404, body);
    expect(error).toBeInstanceOf(NotAuthentikError);
    expect(error.message).toContain(detail);
    expect(error.hint).toBe(hints.wrongUrl);
  });
});

test("404 with problem details of a gateway does not mean that the object was deleted", async () => {
  const error = await catchResponseError(404, { title: "Not Found", status: 404, detail: "No route." });
  expect(error).toBeInstanceOf(NotAuthentikError);
});

describe("a redirect", () => {
  test.each([301, 302, 307, 308])("with %d shows only the origin of its target", async (status) => {
    const location = "https://sso.example.com/login?next=/api/v3/secret";
    const error = await catchResponseError(status, "", { location });
    expect(error).toBeInstanceOf(NotAuthentikError);
    expect(error.message).toBe(
      `Could not read the thing: GET /api/v3/thing/ returned ${status}: an empty body. The server redirects to https://sso.example.com, and redirects are not followed. Set authentik:url to the URL of authentik itself.`,
    );
  });

  test.each(["/login", "not a url", ""])("shows no origin for the location %j", async (location) => {
    const error = await catchResponseError(302, "", { location });
    expect(error.hint).toContain("The server redirects, and redirects are not followed");
  });
});

describe("an error response", () => {
  test("with 405 and an empty body lists both possible causes", async () => {
    const error = await catchResponseError(405, "", { allow: "GET, HEAD, OPTIONS" });
    expect(error).toBeInstanceOf(ServerError);
    expect(error.message).toBe(
      "Could not read the thing: GET /api/v3/thing/ returned 405: an empty body. Either authentik:url is wrong, or authentik crashed on this request, possibly after saving it. Check the server's log.",
    );
  });

  test("with 500 refers to the server's log", async () => {
    const error = await catchResponseError(500, htmlPage);
    expect(error).toBeInstanceOf(ServerError);
    expect(error.hint).toBe("authentik failed. Check the server's log, then run again.");
  });

  test("with 413 refers to fixedData and the proxy", async () => {
    expect((await catchResponseError(413, "<title>413 Request Entity Too Large</title>")).hint).toBe(
      "A proxy in front of authentik limits the size of request bodies. Make fixedData smaller, or raise the limit.",
    );
  });

  test.each([402, 409, 415, 418])("with %d shows the server's message", async (status) => {
    const error = await catchResponseError(status, { detail: "No." });
    expect(error.message).toBe(
      `Could not read the thing: GET /api/v3/thing/ returned ${status}: No. authentik rejected the request.`,
    );
  });

  test.each([
    ["application/json", "Internal {error", "incomplete or invalid JSON"],
    ["text/plain", "upstream said no", "a body of the type text/plain"],
    ["text/html", "<title>Blocked: GET /api/v3/thing/</title>", "an HTML page"],
    ["x/y; s3cret=1", "no", "a body of an unknown type"],
  ])("with the type %s that is not valid JSON is described, not quoted", async (type, body, description) => {
    const error = await catchResponseError(500, body, { "content-type": type });
    expect(error.message).toContain(`returned 500: ${description}. `);
  });

  test("with a long body shows only its beginning", async () => {
    for (const body of [{ detail: "x".repeat(100_000) }, { name: ["x".repeat(100_000)] }]) {
      expect((await catchResponseError(500, body)).message.length).toBeLessThan(800);
    }
  });
});

describe("a successful response with an unexpected body", () => {
  test("lists the paths that do not match the schema, without values", async () => {
    mockResponse("GET", invitationPath, 200, invitationBody({ single_use: "s3cret", name: 7 }));
    const error = await catchError(retrieveInvitation(client, pk));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error.message).toMatch(
      /returned 200: name: .*; single_use: .*\. The response does not match authentik's API schema/,
    );
    expect(error.message).toContain(hints.schema);
    expect(error.message).not.toContain("s3cret");
  });

  test.each([
    ["an HTML page", htmlPage, "an HTML page"],
    ["an empty body", "", "an empty body"],
  ])("is reported as not coming from authentik's API if it is %s", async (_case, body, detail) => {
    const error = await catchResponseError(200, body);
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error.message).toBe(
      `Could not read the thing: GET /api/v3/thing/ returned 200: expected JSON, received ${detail}. ${hints.notAuthentik}`,
    );
  });

  test("is reported without its content if it is invalid JSON, which may contain the pk of a new invitation", async () => {
    const error = await catchResponseError(200, `{"pk": "${pk}", "na`, { "content-type": "application/json" });
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error.message).toContain("returned 200: expected JSON, received incomplete or invalid JSON. ");
  });

  test("is reported without its content if it is JSON with another content type", async () => {
    const error = await catchResponseError(201, `{"pk": "${pk}"}`, { "content-type": "text/plain" });
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error.message).toContain("returned 201: expected JSON, received a body of the type text/plain. ");
  });

  test("results in a short message even if each of 100 rows is invalid", async () => {
    const row = { name: 7, expires: 7, single_use: "x", flow: 7 };
    mockResponse("GET", invitationsPath, 200, pageBody(Array.from({ length: 100 }, () => invitationBody(row))));
    const { message } = await catchError(listInvitations(client, {}));
    expect(message).toContain("results.0.name: ");
    expect(message.length).toBeLessThan(1000);
  });

  test("is no part of the error, which a program may print", async () => {
    expect(
      inspect(await catchResponseError(200, { id: pk, name: "s3cret" }), { depth: 9, showHidden: true }),
    ).not.toMatch(new RegExp(`${pk}|s3cret`));
  });

  test("has an unknown outcome", async () => {
    expect((await catchResponseError(200, { id: 7 })).outcomeUnknown).toBe(true);
  });
});

describe("another version of authentik", () => {
  const without = (body: Record<string, unknown>, ...names: string[]): Record<string, unknown> =>
    Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  const labels = ["component", "verbose_name", "verbose_name_plural", "meta_model_name", "flow_set"];

  test.each<[string, string, Record<string, unknown>, () => Promise<unknown>, object]>([
    [
      "a flow that is looked up",
      "/flows/instances/",
      pageBody([{ pk: flowPk, slug: "enrollment", export_url: 7, compatibility_mode: "no" }]),
      async () => await lookups.get("getFlow")?.run({ client } as Connection, { slug: "enrollment" }),
      { pk: flowPk, name: "enrollment", title: "enrollment", exportUrl: undefined },
    ],
    [
      "a stage",
      "/stages/all/",
      pageBody([{ pk: stagePk, name: "invitation" }]),
      () => listStages(client),
      [{ pk: stagePk, name: "invitation" }],
    ],
    [
      "an invitation stage",
      `/stages/invitation/stages/${stagePk}/`,
      without(stageBody(), ...labels),
      () => retrieveInvitationStage(client, stagePk),
      { pk: stagePk, name: "invitation", flowSet: [] },
    ],
    [
      "an invitation",
      invitationPath,
      without(invitationBody({ created_by: { pk: 3 } }), "flow_obj"),
      () => retrieveInvitation(client, pk),
      { pk, createdBy: undefined },
    ],
  ])("may lack the fields of %s that are only displayed", async (_object, path, body, read, expected) => {
    mockResponse("GET", path, 200, body);
    expect(await read()).toMatchObject(expected);
  });

  test.each([
    ["without most fields", { pk }],
    ["with fields of other types", invitationBody({ name: { en: "jane" }, expires: 1_900_000_000, flow_obj: "x" })],
  ])("creates an invitation with a 201 %s", async (_case, body) => {
    const warn = jest.spyOn(console, "warn").mockImplementation();
    mockResponse("POST", invitationsPath, 201, body);
    const { flow, ...others } = fields;
    expect(await createInvitation(client, fields)).toMatchObject({ pk, flow, ...others });
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/authentik created the object, but its response does not match the API schema \(.*expires/),
    );
    expect(warn.mock.calls.join()).not.toContain(pk);
    warn.mockRestore();
  });

  test.each([{}, { pk: "../users" }, { pk: 7, name: "jane" }, []])(
    "creates nothing for certain with a 201 and %j",
    async (body) => {
      mockResponse("POST", invitationsPath, 201, JSON.stringify(body), {
        headers: { "content-type": "application/json" },
      });
      const error = await catchError(createInvitation(client, fields));
      expect(error).toBeInstanceOf(InvalidResponseError);
      expect(error).toMatchObject({ outcomeUnknown: true });
    },
  );
});

describe("a list", () => {
  const secondPk = "51890849-35c0-4e77-9a2c-cd004221c255";

  test("is read page by page, ordered by pk", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()], 2));
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody({ pk: secondPk })], 0));
    const found = await listInvitations(client, { name: "jane" });
    expect(found.map((invitation) => invitation.pk)).toEqual([pk, secondPk]);
    expect(requestLines()).toEqual([
      `GET ${invitationsPath}?name=jane&ordering=pk&page_size=500&page=1`,
      `GET ${invitationsPath}?name=jane&ordering=pk&page_size=500&page=2`,
    ]);
  });

  test.each([
    ["is empty but not the last", 1, () => []],
    ["repeats", 2, () => [invitationBody()]],
  ])("fails if a page %s, instead of reading pages forever", async (_case, pages, rows) => {
    for (let page = 1; page <= pages; page += 1) mockResponse("GET", invitationsPath, 200, pageBody(rows(), page + 1));
    const { message } = await catchError(listInvitations(client, {}));
    expect(message).toMatch(
      /^Could not list the invitations: .*the list does not end after \d pages\. The response did not/,
    );
  });

  test("ends if its last page no longer exists", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()], 2));
    mockResponse("GET", invitationsPath, 404, { detail: "Invalid page." });
    expect(await listInvitations(client, {})).toHaveLength(1);
  });

  test("fails if its first page does not exist", async () => {
    mockResponse("GET", invitationsPath, 404, { detail: "Invalid page." });
    expect(await catchError(listInvitations(client, {}))).toBeInstanceOf(NotFoundError);
  });
});

describe("an error from the provider has no stack", () => {
  beforeEach(async () => {
    await configureWith(invitationProvider, settings);
  });

  const invitationFailures = [
    ["create", "POST", invitationsPath, () => invitationProvider.create(invitationInputs())],
    ["read", "GET", invitationPath, () => invitationProvider.read("x", invitationState())],
    [
      "update",
      "PUT",
      invitationPath,
      () => invitationProvider.update("x", invitationState(), invitationInputs({ singleUse: true })),
    ],
    ["delete", "DELETE", invitationPath, () => invitationProvider.delete("x", invitationState())],
  ] as const;
  const stageList = "/stages/invitation/stages/";
  const stage = { name: "invitation", continueFlowWithoutInvitation: false };
  const stageFailures = [
    ["create", "POST", stageList, () => invitationStageProvider.create(stage)],
    ["read", "GET", `${stageList}${stagePk}/`, () => invitationStageProvider.read(stagePk, stage)],
    ["update", "PUT", `${stageList}${stagePk}/`, () => invitationStageProvider.update(stagePk, stage, stage)],
    ["delete", "DELETE", `${stageList}${stagePk}/`, () => invitationStageProvider.delete(stagePk, stage)],
  ] as const;

  test.each([...invitationFailures, ...stageFailures])("on %s (%s %s)", async (_operation, method, path, run) => {
    mockResponse(method, path, 403, permissionDeniedBody);
    mockResponse("GET", mePath, 200, meBody);
    const error = await catchError(run());
    expect(error.stack).toBe("");
    expect(error.name).toBe("Error");
    expect(error.message).toContain("lacks the permission authentik_stages_invitation.");
  });

  test.each([
    ["invitation", () => invitationProvider.read("x", invitationState())],
    ["stage", () => invitationStageProvider.read(stagePk, stageBody())],
  ])("if a setting of the %s is missing", async (_case, run) => {
    await configureWith(invitationProvider, {});
    const error = await catchError(run());
    expect(error.stack).toBe("");
    expect(error.message).toMatch(/^authentik's URL is not set/);
  });
});
