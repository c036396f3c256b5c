import { z } from "zod";
import { Client, type ClientRequest } from "../../provider/authentik/client";
import {
  AuthenticationError,
  AuthentikError,
  NotFoundError,
  PermissionError,
  ServerError,
  InvalidResponseError,
  ValidationError,
  NotAuthentikError,
} from "../../provider/authentik/errors";
import { createInvitation, listInvitations, retrieveInvitation } from "../../provider/authentik/invitations";
import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { invitationId } from "../../provider/common/pk";
import {
  badToken,
  gone,
  htmlPage,
  invitationBody,
  meBody,
  noPermission,
  pageBody,
  pk,
  stageBody,
  stagePk,
} from "./support/bodies";
import {
  answer,
  base,
  clearExchanges,
  configureWith,
  expectAllAsked,
  lines,
  settings,
  token,
} from "./support/exchanges";
import { failureOf } from "./support/failure";
import { invitationInputs, invitationState } from "./support/invitation";

const list = "/stages/invitation/invitations/";
const one = `${list}${pk}/`;
const me = "/core/users/me/";
const shown = `/api/v3${list}<${invitationId(pk)}>/`;
const advice = {
  address:
    "What answered is not authentik's API: check authentik:url (or AUTHENTIK_URL), its path and what stands before the server.",
  noApi:
    "What answers there is not authentik's API: check authentik:url (or AUTHENTIK_URL) and what stands before the server.",
  form: "The answer has not the form that authentik documents: look for a newer version of this package, or report it with this message.",
};

const limits = { maxAttempts: 1 };
const request: ClientRequest = { method: "GET", path: "thing/", failure: "It failed", permission: "app.view_thing" };
const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };

let client: Client;

/** The failure of a request for a thing, which is answered in this way. */
async function failureOn(status: number, body: unknown, headers: Record<string, string> = {}): Promise<AuthentikError> {
  answer("GET", "/thing/", status, body, { headers });
  const failure = await failureOf(client.send(request, z.object({ pk: z.string() })));
  if (failure instanceof AuthentikError) return failure;
  throw failure;
}

beforeEach(() => {
  clearExchanges();
  client = new Client({ url: base, token, limits });
});
afterEach(expectAllAsked);

describe("403", () => {
  test("with a good token is a missing permission, which is named", async () => {
    answer("GET", one, 403, noPermission);
    answer("GET", me, 200, meBody);
    const failure = await failureOf(retrieveInvitation(client, pk));
    expect(failure).toBeInstanceOf(PermissionError);
    expect(failure.message).toBe(
      `The invitation could not be read: GET ${shown} answered 403: You do not have permission to perform this action. The token's user lacks the permission authentik_stages_invitation.view_invitation: give it to a role of that user.`,
    );
  });

  test("with a bad token says how to set one", async () => {
    answer("GET", one, 403, badToken);
    answer("GET", me, 403, badToken);
    const failure = await failureOf(retrieveInvitation(client, pk));
    expect(failure).toBeInstanceOf(AuthenticationError);
    expect(failure.message).toBe(
      `The invitation could not be read: GET ${shown} answered 403: Token invalid/expired. authentik does not accept the token: make an API token (intent API, not expired, of an active user) and set it with \`pulumi config set --secret authentik:token …\` or AUTHENTIK_TOKEN.`,
    );
  });

  test("asks only once whether the token is good", async () => {
    answer("GET", me, 200, meBody);
    expect(await failureOn(403, noPermission)).toBeInstanceOf(PermissionError);
    expect(await failureOn(403, noPermission)).toBeInstanceOf(PermissionError);
    expect(lines().filter((line) => line.includes(me))).toHaveLength(1);
  });

  test.each([502, 500, 404])("does not call the token bad where authentik answers %d to that", async (status) => {
    answer("GET", me, status, htmlPage);
    const failure = await failureOn(403, noPermission);
    expect(failure).not.toBeInstanceOf(AuthenticationError);
    expect(failure.message).toContain("answered 403: You do not have permission to perform this action.");
    expect(failure.message).toContain("app.view_thing");
  });

  test("asks again where it could not find out whether the token is good", async () => {
    answer("GET", me, 503, htmlPage);
    await failureOn(403, noPermission);
    answer("GET", me, 200, meBody);
    expect((await failureOn(403, noPermission)).hint).toBe(
      "The token's user lacks the permission app.view_thing: give it to a role of that user.",
    );
  });

  test("as a page in HTML is not authentik's, and no reason to ask", async () => {
    const failure = await failureOn(403, "<html><head><title>403 Forbidden</title></head></html>");
    expect(failure).toBeInstanceOf(NotAuthentikError);
    expect(failure.message).toBe(
      `It failed: GET /api/v3/thing/ answered 403: an HTML page, "403 Forbidden". ${advice.address}`,
    );
  });
});

describe("400", () => {
  test("tells each field's error under the name that the user knows", async () => {
    answer("POST", list, 400, {
      name: ["Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."],
      fixed_data: ["Value must be a dictionary, and not have any duplicate keys."],
      single_use: ["Must be a valid boolean."],
      flow: ["“x” is not a valid UUID."],
    });
    const failure = await failureOf(createInvitation(client, fields));
    expect(failure).toBeInstanceOf(ValidationError);
    expect(failure.message).toBe(
      `The invitation could not be created: POST /api/v3${list} answered 400: name: Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.; fixedData: Value must be a dictionary, and not have any duplicate keys.; singleUse: Must be a valid boolean.; flow: “x” is not a valid UUID. Correct the program and run again.`,
    );
  });

  test("tells errors that belong to no field", async () => {
    const failure = await failureOn(400, {
      non_field_errors: ["The fields a, b must make a unique set.", "And more."],
    });
    expect(failure.message).toContain("answered 400: The fields a, b must make a unique set. And more. Correct");
  });

  test("tells what was wrong with the body", async () => {
    const failure = await failureOn(400, { detail: "JSON parse error - Expecting value: line 1 column 1 (char 0)" });
    expect(failure.message).toContain("answered 400: JSON parse error - Expecting value: line 1 column 1 (char 0).");
  });

  test("keeps the errors by the API's field name", async () => {
    expect(await failureOn(400, { single_use: ["Must be a valid boolean."] })).toMatchObject({
      fields: { single_use: ["Must be a valid boolean."] },
    });
  });

  test.each([
    ["a list", ["One.", "Two."], "One. Two."],
    ["a text", "Nope.", "Nope."],
    ["a number", 7, "7"],
    ["nested errors", { policies: { order: ["Must be a number."] } }, "Must be a number."],
    ["a list of errors", { rows: [{}, { name: ["Required."] }] }, "Required."],
    ["null", null, "null"],
    ["a name of JavaScript's own", { constructor: ["Odd."] }, "constructor: Odd."],
  ])("in the form of %s is shown still", async (_what, body, words) => {
    const failure = await failureOn(400, JSON.stringify(body), { "content-type": "application/json" });
    expect(failure.message).toContain(words);
    expect(failure.message).not.toContain("native code");
  });

  test("as a page in HTML is shown by its title", async () => {
    const failure = await failureOn(400, "<title>400 The plain HTTP request was sent to HTTPS port</title>");
    expect(failure.message).toContain('an HTML page, "400 The plain HTTP request was sent to HTTPS port"');
  });
});

describe("404", () => {
  test("as authentik's JSON means gone, or not to be seen", async () => {
    const failure = await failureOn(404, gone);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure.message).toBe(
      "It failed: GET /api/v3/thing/ answered 404: No Invitation matches the given query. It does not exist, or the token's user may not see it (app.view_thing).",
    );
  });

  test.each([
    ["a page in HTML", htmlPage, 'an HTML page, "authentik"'],
    ["a page without a title", "<html></html>", "an HTML page"],
    ["an empty page", "", "an empty page"],
    ["JSON of a proxy", { message: "no Route matched with those values" }, "no Route matched with those values"],
  ])("as %s means a wrong address", async (_what, body, words) => {
    const failure = await failureOn(404, body);
    expect(failure).toBeInstanceOf(NotAuthentikError);
    expect(failure.message).toContain(words);
    expect(failure.hint).toBe(advice.address);
  });
});

describe("3xx", () => {
  test.each([301, 302, 307, 308])("%d is explained by the origin alone", async (status) => {
    const location = "https://sso.example.com/login?next=/api/v3/secret";
    const failure = await failureOn(status, "", { location });
    expect(failure).toBeInstanceOf(NotAuthentikError);
    expect(failure.message).toBe(
      `It failed: GET /api/v3/thing/ answered ${status}: an empty page. The server redirects to https://sso.example.com, and redirects are not followed: set authentik:url (or AUTHENTIK_URL) to where authentik itself answers.`,
    );
  });

  test.each(["/login", "not a url", ""])("without an origin in its location %j names none", async (location) => {
    const failure = await failureOn(302, "", { location });
    expect(failure.hint).toContain("The server redirects, and redirects are not followed");
  });
});

describe("other failures", () => {
  test("405 with an empty page tells both of its reasons", async () => {
    const failure = await failureOn(405, "", { allow: "GET, HEAD, OPTIONS" });
    expect(failure).toBeInstanceOf(ServerError);
    expect(failure.message).toBe(
      "It failed: GET /api/v3/thing/ answered 405: an empty page. Either authentik:url is wrong, or authentik failed while it worked on this, maybe after saving it: look at the server's log.",
    );
  });

  test("500 points to the server's log", async () => {
    const failure = await failureOn(500, htmlPage);
    expect(failure).toBeInstanceOf(ServerError);
    expect(failure.hint).toBe("authentik failed: look at the server's log, then run again.");
  });

  test("413 points to fixedData and to the proxy", async () => {
    expect((await failureOn(413, "<title>413 Request Entity Too Large</title>")).hint).toBe(
      "A proxy before authentik takes no body of this size: make fixedData smaller, or its limit larger.",
    );
  });

  test.each([402, 409, 415, 418])("%d is shown in the server's words", async (status) => {
    const failure = await failureOn(status, { detail: "No." });
    expect(failure.message).toBe(`It failed: GET /api/v3/thing/ answered ${status}: No. authentik refused it.`);
  });

  test("an error body that is no JSON though it says so is shown as text", async () => {
    const failure = await failureOn(500, "Internal {error", { "content-type": "application/json" });
    expect(failure.message).toContain("answered 500: Internal {error.");
  });

  test("a long error body is shortened", async () => {
    for (const body of [
      { detail: "x".repeat(100_000) },
      { name: ["x".repeat(100_000)] },
      `<title>${"x".repeat(9999)}`,
    ]) {
      expect((await failureOn(500, body)).message.length).toBeLessThan(800);
    }
    const text = await failureOn(500, "x".repeat(100_000), { "content-type": "text/plain" });
    expect(text.message).toContain(`${"x".repeat(100)}`);
    expect(text.message.length).toBeLessThan(800);
  });
});

describe("a success that does not fit", () => {
  test("names where, without values", async () => {
    answer("GET", one, 200, invitationBody({ single_use: "s3cret", name: 7 }));
    const failure = await failureOf(retrieveInvitation(client, pk));
    expect(failure).toBeInstanceOf(InvalidResponseError);
    expect(failure.message).toMatch(/answered 200: name: .*; single_use: .*\. The answer has not the form/);
    expect(failure.message).toContain(advice.form);
    expect(failure.message).not.toContain("s3cret");
  });

  test.each([
    ["a page in HTML", htmlPage, 'an HTML page, "authentik"'],
    ["an empty page", "", "an empty page"],
  ])("as %s is not authentik's API", async (_what, body, words) => {
    const failure = await failureOn(200, body);
    expect(failure).toBeInstanceOf(InvalidResponseError);
    expect(failure.message).toBe(`It failed: GET /api/v3/thing/ answered 200: no JSON but ${words}. ${advice.noApi}`);
  });

  test("as JSON that is none is not authentik's API", async () => {
    const failure = await failureOn(200, '{"pk": ', { "content-type": "application/json" });
    expect(failure.message).toContain('no JSON but {"pk":');
  });

  test("as JSON under another type is not authentik's API", async () => {
    const failure = await failureOn(200, '{"pk": "x"}', { "content-type": "text/plain" });
    expect(failure).toBeInstanceOf(InvalidResponseError);
  });

  test("in each of 100 rows makes no message of 100 lines", async () => {
    const row = { name: 7, expires: 7, single_use: "x", flow: 7 };
    answer("GET", list, 200, pageBody(Array.from({ length: 100 }, () => invitationBody(row))));
    const { message } = await failureOf(listInvitations(client, {}));
    expect(message).toContain("results.0.name: ");
    expect(message.length).toBeLessThan(1000);
  });

  test("keeps the answer beside the message", async () => {
    expect(await failureOn(200, { id: 7 })).toMatchObject({ body: { id: 7 } });
  });

  test("counts as an unknown outcome", async () => {
    expect((await failureOn(200, { id: 7 })).outcomeUnknown).toBe(true);
  });
});

describe("lists", () => {
  const other = "51890849-35c0-4e77-9a2c-cd004221c255";

  test("are read page by page, by pk", async () => {
    answer("GET", list, 200, pageBody([invitationBody()], 2));
    answer("GET", list, 200, pageBody([invitationBody({ pk: other })], 0));
    const found = await listInvitations(client, { name: "jane" });
    expect(found.map((invitation) => invitation.pk)).toEqual([pk, other]);
    expect(lines()).toEqual([
      `GET ${list}?name=jane&ordering=pk&page_size=100&page=1`,
      `GET ${list}?name=jane&ordering=pk&page_size=100&page=2`,
    ]);
  });

  test("end where their last page went away", async () => {
    answer("GET", list, 200, pageBody([invitationBody()], 2));
    answer("GET", list, 404, { detail: "Invalid page." });
    expect(await listInvitations(client, {})).toHaveLength(1);
  });

  test("that are not there at all are a failure", async () => {
    answer("GET", list, 404, { detail: "Invalid page." });
    expect(await failureOf(listInvitations(client, {}))).toBeInstanceOf(NotFoundError);
  });
});

describe("what leaves the provider has no stack", () => {
  beforeEach(async () => {
    await configureWith(invitationProvider, settings);
  });

  const invitationFailures = [
    ["create", "POST", list, () => invitationProvider.create(invitationInputs())],
    ["read", "GET", one, () => invitationProvider.read("x", invitationState())],
    [
      "update",
      "PUT",
      one,
      () => invitationProvider.update("x", invitationState(), invitationInputs({ singleUse: true })),
    ],
    ["delete", "DELETE", one, () => invitationProvider.delete("x", invitationState())],
  ] as const;
  const stageList = "/stages/invitation/stages/";
  const stage = { name: "invitation", continueFlowWithoutInvitation: false };
  const stageFailures = [
    ["create", "POST", stageList, () => invitationStageProvider.create(stage)],
    ["read", "GET", `${stageList}${stagePk}/`, () => invitationStageProvider.read(stagePk, stage)],
    ["update", "PUT", `${stageList}${stagePk}/`, () => invitationStageProvider.update(stagePk, stage, stage)],
    ["delete", "DELETE", `${stageList}${stagePk}/`, () => invitationStageProvider.delete(stagePk, stage)],
  ] as const;

  test.each([...invitationFailures, ...stageFailures])("%s, %s %s", async (_step, method, path, fail) => {
    answer(method, path, 403, noPermission);
    answer("GET", me, 200, meBody);
    const failure = await failureOf(fail());
    expect(failure.stack).toBe("");
    expect(failure.name).toBe("Error");
    expect(failure.message).toContain("lacks the permission authentik_stages_invitation.");
  });

  test.each([
    ["invitation", () => invitationProvider.read("x", invitationState())],
    ["stage", () => invitationStageProvider.read(stagePk, stageBody())],
  ])("not even a setting that is missing for the %s", async (_what, fail) => {
    await configureWith(invitationProvider, {});
    const failure = await failureOf(fail());
    expect(failure.stack).toBe("");
    expect(failure.message).toMatch(/^authentik's address is not set/);
  });
});
