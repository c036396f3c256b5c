import { inspect } from "node:util";
import { z } from "zod";
import { invitationId } from "../../provider/common/pk";
import {
  AuthentikError,
  Client,
  type ClientRequest,
  type Connection,
  createInvitation,
  listInvitations,
  listStages,
  lookups,
  retrieveInvitation,
  retrieveInvitationStage,
} from "../bundle-internals";
import { catchError } from "./support/catch-error";
import {
  authentikUrl,
  expectAllMocksUsed,
  mockResponse,
  requestLines,
  resetHttpMocks,
  token,
} from "./support/http-mocks";
import {
  type Body,
  flowPk,
  htmlPage,
  invalidTokenBody,
  invitationBody,
  meBody,
  notFoundBody,
  otherPk,
  pageBody,
  permissionDeniedBody,
  pk,
  stageBody,
  stagePk,
} from "./support/response-bodies";
import { warnings } from "./support/warnings";

const invitationsPath = "/stages/invitation/invitations/";
const invitationPath = `${invitationsPath}${pk}/`;
const mePath = "/core/users/me/";
const redactedPath = `/api/v3${invitationsPath}<${invitationId(pk)}>/`;
const notAuthentik = "The response did not come from authentik's API.";
const hints = {
  wrongUrl: `${notAuthentik} Check authentik:url, its path, and any proxy in front of the server.`,
  notAuthentik: `${notAuthentik} Check authentik:url and any proxy in front of the server.`,
  gateway: `${notAuthentik} A gateway or proxy in front of it denied access. Check authentik:headers (the headers that it requires), authentik:url, and the gateway's rules.`,
  permission: "The token's user lacks the permission app.view_thing. Grant it to one of the user's roles.",
};
const json = { "content-type": "application/json" };
const request: ClientRequest = {
  method: "GET",
  path: "thing/",
  failure: "Could not read the thing",
  permission: "app.view_thing",
};
const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };

let client: Client;

beforeEach(() => {
  resetHttpMocks();
  client = Client.connect({ url: authentikUrl, token, limits: { maxAttempts: 1 } });
});
afterEach(expectAllMocksUsed);

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

/** The message after "Could not read the thing: GET /api/v3/thing/ returned ". */
async function expectResponseError(
  status: number,
  body: unknown,
  type: string,
  message: string,
  headers?: Record<string, string>,
): Promise<void> {
  const error = await catchResponseError(status, body, headers);
  expect([error.name, error.message]).toEqual([
    type,
    `Could not read the thing: GET /api/v3/thing/ returned ${status}: ${message}`,
  ]);
}

describe("403", () => {
  test.each<[string, number, Body, string, string]>([
    [
      "a valid token names the missing permission",
      200,
      meBody,
      "PermissionError",
      "You do not have permission to perform this action. The token's user lacks the permission authentik_stages_invitation.view_invitation. Grant it to one of the user's roles.",
    ],
    [
      "an invalid token explains how to set one",
      403,
      invalidTokenBody,
      "AuthenticationError",
      "Token invalid/expired. authentik rejected the token. Create an API token (intent API, not expired, of an active user) and set it with `pulumi config set --secret authentik:token …`.",
    ],
  ])("with %s", async (_case, status, me, type, message) => {
    mockResponse("GET", invitationPath, 403, status === 403 ? invalidTokenBody : permissionDeniedBody);
    mockResponse("GET", mePath, status, me);
    const error = await catchError(retrieveInvitation(client, pk));
    const expected = `Could not read the invitation: GET ${redactedPath} returned 403: ${message}`;
    expect([error.name, error.message]).toEqual([type, expected]);
  });

  test("verifies the token only once", async () => {
    mockResponse("GET", mePath, 200, meBody);
    expect(await catchResponseError(403, permissionDeniedBody)).toMatchObject({ name: "PermissionError" });
    expect(await catchResponseError(403, permissionDeniedBody)).toMatchObject({ name: "PermissionError" });
    expect(requestLines().filter((line) => line.includes(mePath))).toHaveLength(1);
  });

  test.each<[number, unknown]>([
    [502, "<html></html>"],
    [503, "<html></html>"],
    [500, "<html></html>"],
    [404, "<html></html>"],
    // A sign-in page.
    [200, "<html></html>"],
    // Of a gateway.
    [403, { message: "No API key found in request" }],
  ])(
    "does not blame the token if the request to verify it returns %d %j, and verifies it again",
    async (status, body) => {
      mockResponse("GET", mePath, status, body);
      const error = await catchResponseError(403, permissionDeniedBody);
      expect(error).not.toMatchObject({ name: "AuthenticationError" });
      expect(error.message).toContain("returned 403: You do not have permission to perform this action.");
      expect(error.hint).toContain("app.view_thing");
      expect(error.hint).toContain("The token may also be invalid");
      mockResponse("GET", mePath, 200, meBody);
      expect((await catchResponseError(403, permissionDeniedBody)).hint).toBe(hints.permission);
    },
  );

  test.each<[number, unknown]>([
    [403, "<html><head><title>403 Forbidden</title></head></html>"],
    [401, { message: "No API key found in request" }],
    [403, { message: "Invalid authentication credentials" }],
    [403, { error: "access_denied", error_description: "blocked" }],
    [403, { type: "about:blank", title: "Forbidden", status: 403, detail: "Blocked by policy." }],
    [401, { detail: "Not authenticated" }],
    [403, { detail: { code: 7 } }],
    [403, [{ detail: "No." }]],
    [407, { detail: "No." }],
  ])(
    "of a gateway is reported as not coming from authentik, without verifying the token: %d %j",
    async (status, body) => {
      const error = await catchResponseError(status, body);
      expect(error).toMatchObject({ name: "NotAuthentikError" });
      expect(error.hint).toBe(hints.gateway);
    },
  );
});

describe("400", () => {
  test("lists each field's error under the name of the input", async () => {
    const errors = {
      name: ["Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."],
      fixed_data: ["Value must be a dictionary, and not have any duplicate keys."],
      single_use: ["Must be a valid boolean."],
      flow: ["“x” is not a valid UUID."],
    };
    mockResponse("POST", invitationsPath, 400, errors);
    const error = await catchError(createInvitation(client, fields));
    expect(error).toMatchObject({ name: "ValidationError" });
    // By API field name, for programs.
    expect(error).toMatchObject({ fields: errors });
    expect(error.message).toBe(
      `Could not create the invitation: POST /api/v3${invitationsPath} returned 400: name: Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.; fixedData: Value must be a dictionary, and not have any duplicate keys.; singleUse: Must be a valid boolean.; flow: “x” is not a valid UUID. Correct the program and run again.`,
    );
  });

  test.each<[string, unknown, string]>([
    [
      "errors that belong to no field",
      { non_field_errors: ["No a, b.", "Another."] },
      "returned 400: No a, b. Another. Correct",
    ],
    [
      "what is wrong with the body",
      { detail: "JSON parse error (char 0)" },
      "returned 400: JSON parse error (char 0).",
    ],
    ["a list", ["One.", "Two."], "One. Two."],
    ["a string", "Nope.", "Nope."],
    ["a number", 7, "7"],
    ["nested errors", { policies: { order: ["Must be a number."] } }, "Must be a number."],
    ["a list of errors", { rows: [{}, { name: ["Required."] }] }, "Required."],
    ["null", null, "null"],
    ["the name of a JavaScript built-in", { constructor: ["Odd."] }, "constructor: Odd."],
  ])("shows %s", async (_case, body, detail) => {
    const error = await catchResponseError(400, JSON.stringify(body), json);
    expect(error.message).toContain(detail);
    expect(error.message).not.toContain("native code");
  });
});

describe("404", () => {
  test("with authentik's JSON means not found, or not allowed to view", async () => {
    const message =
      "No Invitation matches the given query. It does not exist, or the token's user is not allowed to view it (app.view_thing).";
    await expectResponseError(404, notFoundBody, "NotFoundError", message);
  });

  test.each([
    ["an HTML page", htmlPage, "an HTML page"],
    ["an empty body", "", "an empty body"],
    ["a proxy's JSON", { message: "no Route matched with those values" }, "no Route matched with those values"],
    ["a JSON list", [1], "1"],
    ["a detail that is not a string", { detail: { code: 404 } }, "404"],
    ["problem details of a gateway", { title: "Not Found", status: 404, detail: "No route." }, "No route."],
  ])("with %s means a wrong URL, and not that the object was deleted", async (_case, body, detail) => {
    const error = await catchResponseError(404, body);
    expect(error).toMatchObject({ name: "NotAuthentikError" });
    expect(error.message).toContain(detail);
    expect(error.hint).toBe(hints.wrongUrl);
  });
});

test.each([
  ...[301, 302, 307, 308].map((status) => [status, "https://sso.example.com/login?next=/api/v3/secret"] as const),
  ...["/login", "not a url", ""].map((location) => [302, location] as const),
])("a redirect with %d to %j shows only the origin of its target", async (status, location) => {
  const target = location.startsWith("https") ? " to https://sso.example.com" : "";
  const hint = `The server redirects${target}, and redirects are not followed. Set authentik:url to the URL of authentik itself.`;
  await expectResponseError(status, "", "NotAuthentikError", `an empty body. ${hint}`, { location });
});

describe("an error response", () => {
  test.each<[string, number, unknown, string]>([
    [
      "lists both possible causes",
      405,
      "",
      "an empty body. Either authentik:url is wrong, or authentik crashed on this request, possibly after saving it. Check the server's log.",
    ],
    [
      "refers to the server's log",
      500,
      htmlPage,
      "an HTML page. authentik failed. Check the server's log, then run again.",
    ],
    [
      "refers to fixedData and the proxy",
      413,
      "<title>413 Request Entity Too Large</title>",
      "an HTML page. A proxy in front of authentik limits the size of request bodies. Make fixedData smaller, or raise the limit.",
    ],
    ...[402, 409, 415, 418].map((status): [string, number, unknown, string] => [
      "shows the server's message",
      status,
      { detail: "No." },
      "No. authentik rejected the request.",
    ]),
  ])("%s: %d", async (_case, status, body, message) => {
    await expectResponseError(status, body, "ServerError", message);
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
    expect(error).toMatchObject({ name: "InvalidResponseError" });
    expect(error.message).toMatch(
      /returned 200: name: .*; single_use: .*\. The response does not match authentik's API schema\. Update this package, or report this message as an issue\.$/,
    );
    expect(error.message).not.toContain("s3cret");
  });

  test.each<[string, string, string, string]>([
    ["is an HTML page", "text/html", htmlPage, "an HTML page"],
    ["is empty", "text/html", "", "an empty body"],
    // They may contain the pk of a new invitation.
    ["is invalid JSON", "application/json", `{"pk": "${pk}", "na`, "incomplete or invalid JSON"],
    ["is JSON with another content type", "text/plain", `{"pk": "${pk}"}`, "a body of the type text/plain"],
  ])("is reported without its content if it %s", async (_case, type, body, detail) => {
    const error = await catchResponseError(200, body, { "content-type": type });
    expect(error).toMatchObject({ name: "InvalidResponseError" });
    expect(error.message).toContain(`returned 200: expected JSON, received ${detail}. `);
    if (type === "text/html") expect(error.hint).toBe(hints.notAuthentik);
  });

  test("results in a short message even if each of 100 rows is invalid", async () => {
    const row = { name: 7, expires: 7, single_use: "x", flow: 7 };
    mockResponse("GET", invitationsPath, 200, pageBody(Array.from({ length: 100 }, () => invitationBody(row))));
    const { message } = await catchError(listInvitations(client, {}));
    expect(message).toContain("results.0.name: ");
    expect(message.length).toBeLessThan(1000);
  });

  test("is no part of the error, which a program may print, and leaves the outcome unknown", async () => {
    const error = await catchResponseError(200, { id: pk, name: "s3cret" });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(new RegExp(`${pk}|s3cret`));
    expect(error.outcomeUnknown).toBe(true);
  });
});

describe("another version of authentik", () => {
  const without = (body: Body, ...names: string[]): Body =>
    Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  const labels = ["component", "verbose_name", "verbose_name_plural", "meta_model_name", "flow_set"];

  test.each<[string, string, Body, () => Promise<unknown>, object]>([
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
    mockResponse("POST", invitationsPath, 201, body);
    expect(await createInvitation(client, fields)).toMatchObject({ pk, ...fields });
    expect(warnings()).toEqual([
      expect.stringMatching(/authentik created the object, but its response does not match the API schema \(.*expires/),
    ]);
    expect(warnings()[0]).not.toContain(pk);
  });

  test.each([{}, { pk: "../users" }, { pk: 7, name: "jane" }, []])(
    "creates nothing for certain with a 201 and %j",
    async (body) => {
      mockResponse("POST", invitationsPath, 201, JSON.stringify(body), { headers: json });
      const error = await catchError(createInvitation(client, fields));
      expect(error).toMatchObject({ name: "InvalidResponseError" });
      expect(error).toMatchObject({ outcomeUnknown: true });
    },
  );
});

describe("a list", () => {
  test("is read page by page, ordered by pk", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()], 2));
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody({ pk: otherPk })]));
    const found = await listInvitations(client, { name: "jane" });
    expect(found.map((invitation) => invitation.pk)).toEqual([pk, otherPk]);
    const query = "name=jane&ordering=pk&page_size=500";
    expect(requestLines()).toEqual([1, 2].map((page) => `GET ${invitationsPath}?${query}&page=${page}`));
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

  test("ends if its last page no longer exists, and fails if its first page does not", async () => {
    mockResponse("GET", invitationsPath, 200, pageBody([invitationBody()], 2));
    mockResponse("GET", invitationsPath, 404, { detail: "Invalid page." });
    expect(await listInvitations(client, {})).toHaveLength(1);
    mockResponse("GET", invitationsPath, 404, { detail: "Invalid page." });
    expect(await catchError(listInvitations(client, {}))).toMatchObject({ name: "NotFoundError" });
  });
});
