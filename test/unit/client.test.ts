import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { z } from "zod";
import { parseSource } from "../../provider/authentik/user-agent";
import { Client, type ClientRequest, deleteInvitation } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { closeEmbedded, listInvitations, newOrigin, startEmbedded } from "./support/embedded-authentik";
import { invitationInputs, type Properties } from "./support/invitation";
import { htmlPage, meBody, permissionDeniedBody, pk } from "./support/response-bodies";
import { closeServers, type Handler, type RunningServer, sendHtml, sendJson, startServer } from "./support/server";

const clients: Client[] = [];
const read: ClientRequest = {
  method: "GET",
  path: "thing/",
  failure: "Could not read the thing",
  permission: "app.view_thing",
};

async function connectTo(handler: Handler): Promise<{ server: RunningServer; client: Client }> {
  const server = await startServer(handler);
  const client = Client.connect({ url: server.url, token: "t0ken", limits: { initialDelay: 1, maxAttempts: 2 } });
  clients.push(client);
  return { server, client };
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await closeServers();
  await closeEmbedded();
});

describe("the User-Agent of a request", () => {
  const nonceOf = (userAgent: string | undefined): string | undefined => /([0-9a-f]{12})\)$/.exec(userAgent ?? "")?.[1];

  test("has the client's source and a random nonce, or the given one", async () => {
    const { server, client } = await connectTo((_request, response) => sendJson(response, 200, {}));
    const resource = client.from("team/dev; 0123456789");
    await client.send(read, z.unknown());
    await resource.send(read, z.unknown());
    await resource.send(read, z.unknown());
    await resource.from("team/dev; 0123456789", "aaaaaaaaaaaa").send(read, z.unknown());
    const userAgents = server.received.map(({ headers }) => headers["user-agent"]);
    expect(userAgents.map(parseSource)).toEqual(["", ...Array(3).fill("team/dev; 0123456789")]);
    const nonces = userAgents.map(nonceOf);
    expect(nonces[3]).toBe("aaaaaaaaaaaa");
    expect(new Set(nonces).size).toBe(4);
    expect(nonces).not.toContain(undefined);
  });

  test("is the same for all attempts of a request", async () => {
    const { server, client } = await connectTo((_request, response, index) =>
      index === 0 ? sendJson(response, 429, {}) : sendJson(response, 200, {}),
    );
    await client.send({ ...read, method: "POST" }, z.unknown());
    const userAgents = server.received.map(({ headers }) => headers["user-agent"]);
    expect(userAgents).toHaveLength(2);
    expect(new Set(userAgents).size).toBe(1);
  });

  test("names the project, the stack and the tag in every request of a resource, and the nonce of its origin only in its create", async () => {
    jest.spyOn(console, "warn").mockImplementation();
    const server = await startEmbedded();
    const origin = newOrigin();
    const [, tag, nonce = ""] = origin.split("/");
    const { id, outs } = await invitationProvider.create(invitationInputs({ __origin: origin }));
    await invitationProvider.read(id, outs);
    await invitationProvider.update(id, outs as Properties, { ...outs, name: "other" });
    await invitationProvider.delete(id, outs as Properties);
    const requests = server.requests.filter(({ path }) => path.includes("/invitations/"));
    expect(requests.map(({ method }) => method)).toEqual(["POST", "GET", "PUT", "DELETE"]);
    expect(requests.map(({ userAgent }) => parseSource(userAgent))).toEqual(Array(4).fill(`team/dev; ${tag}`));
    expect(requests.map(({ userAgent }) => userAgent?.includes(nonce))).toEqual([true, false, false, false]);
  });
});

describe("a DELETE", () => {
  const deletion = { path: "thing/", failure: "Could not delete the thing", permission: "app.delete_thing" };

  test.each<[string, Handler]>([
    ["204", (_request, response) => response.writeHead(204).end()],
    ["authentik's 404", (_request, response) => sendJson(response, 404, { detail: "Not found." })],
  ])("succeeds with %s", async (_case, handler) => {
    const { client, server } = await connectTo(handler);
    await client.delete(deletion);
    expect(server.received).toHaveLength(1);
  });

  test.each<[string, Handler, string]>([
    ["200 with an HTML page", (_request, response) => sendHtml(response, 200, htmlPage), "InvalidResponseError"],
    ["200 with JSON", (_request, response) => sendJson(response, 200, {}), "InvalidResponseError"],
    ["200 without a body", (_request, response) => response.writeHead(200).end(), "InvalidResponseError"],
    ["202", (_request, response) => sendJson(response, 202, {}), "InvalidResponseError"],
    ["a redirect", (_request, response) => sendHtml(response, 302, "", { location: "/login" }), "NotAuthentikError"],
    ["404 with an HTML page", (_request, response) => sendHtml(response, 404, htmlPage), "NotAuthentikError"],
    ["404 with other JSON", (_request, response) => sendJson(response, 404, { error: "x" }), "NotAuthentikError"],
    ["405 with an empty body", (_request, response) => sendHtml(response, 405), "ServerError"],
    ["410", (_request, response) => sendJson(response, 410, { detail: "Gone." }), "ServerError"],
    ["500", (_request, response) => sendHtml(response, 500, htmlPage), "ServerError"],
  ])("fails with %s", async (_case, handler, name) => {
    const { client } = await connectTo(handler);
    const error = await catchError(client.delete(deletion));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(/^Could not delete the thing: DELETE \/api\/v3\/thing\/ returned \d+/);
  });

  test("with an HTML page explains that the response did not come from authentik", async () => {
    const { client } = await connectTo((_request, response) =>
      sendHtml(response, 200, "<title>Sign in</title>", { "x-authentik-id": "3694621f" }),
    );
    expect((await catchError(client.delete(deletion))).message).toBe(
      "Could not delete the thing: DELETE /api/v3/thing/ returned 200: expected an empty body with status 204, received an HTML page. The response did not come from authentik's API. Check authentik:url and any proxy in front of the server. (request 3694621f)",
    );
  });

  test("of an invitation or a stage that was not carried out rejects, so that Pulumi keeps it in the state", async () => {
    jest.spyOn(console, "warn").mockImplementation();
    const server = await startEmbedded();
    const { id, outs } = await invitationProvider.create(invitationInputs({ __origin: newOrigin() }));
    const stageInputs = { name: "invitation", continueFlowWithoutInvitation: false, __origin: newOrigin("stage") };
    const stage = await invitationStageProvider.create(stageInputs);
    for (const failure of [{ status: 200, body: htmlPage }, { status: 405 }, { status: 404, body: htmlPage }]) {
      const headers = { "content-type": "text/html" };
      server.injectFailure({ method: "DELETE", ...failure, headers, times: 2 });
      const error = await catchError(invitationProvider.delete(id, outs as Properties));
      expect(error.message).toContain(`Could not delete the invitation: DELETE`);
      expect(error.message).not.toContain(String((outs as Properties)["pk"]));
      await catchError(invitationStageProvider.delete(stage.id, stage.outs as Properties));
    }
    expect(await listInvitations(server)).toHaveLength(1);
    await invitationProvider.delete(id, outs as Properties);
    await invitationStageProvider.delete(stage.id, stage.outs as Properties);
    expect(await listInvitations(server)).toEqual([]);
  });
});

describe("after a 403, the token", () => {
  const respond =
    (me: Handler): Handler =>
    (request, response, index) =>
      request.path.includes("/users/me/")
        ? me(request, response, index)
        : sendJson(response, 403, permissionDeniedBody);

  test("is valid if users/me returns JSON", async () => {
    const { client } = await connectTo(respond((_request, response) => sendJson(response, 200, meBody)));
    const error = await catchError(client.send(read, z.unknown()));
    expect(error.name).toBe("PermissionError");
    expect(error.message).toMatch(/lacks the permission app\.view_thing\. Grant it to one of the user's roles\.$/);
  });

  test("may be invalid if users/me returns 200 with an HTML page, as a sign-in page does", async () => {
    const { client, server } = await connectTo(respond((_request, response) => sendHtml(response, 200, htmlPage)));
    for (let count = 0; count < 2; count += 1) {
      const error = await catchError(client.send(read, z.unknown()));
      expect(error.message).toMatch(/The token may also be invalid: the request to verify it failed\.$/);
    }
    // The response said nothing, so it is not cached.
    expect(server.received.filter(({ path }) => path.includes("/users/me/"))).toHaveLength(2);
  });
});

describe("an error ends with the id of the request, under which authentik's log has it", () => {
  const requestId = "3694621f9a4c4e7a8f1f0a6a1c3c0f11";
  const headers = { "x-authentik-id": requestId };

  test.each<[string, Handler]>([
    ["400", (_request, response) => sendJson(response, 400, { name: ["No."] }, headers)],
    ["403", (_request, response) => sendJson(response, 403, permissionDeniedBody, headers)],
    ["404", (_request, response) => sendJson(response, 404, { detail: "Not found." }, headers)],
    ["404 with an HTML page", (_request, response) => sendHtml(response, 404, htmlPage, headers)],
    ["405", (_request, response) => sendHtml(response, 405, "", headers)],
    ["413", (_request, response) => sendHtml(response, 413, "", headers)],
    ["429", (_request, response) => sendJson(response, 429, {}, headers)],
    ["500", (_request, response) => sendHtml(response, 500, htmlPage, headers)],
    ["503", (_request, response) => sendHtml(response, 503, "", headers)],
    ["a redirect", (_request, response) => sendHtml(response, 302, "", { ...headers, location: "/x" })],
    ["an unexpected body", (_request, response) => sendJson(response, 200, { a: 1 }, headers)],
    ["an HTML page", (_request, response) => sendHtml(response, 200, htmlPage, headers)],
  ])("%s", async (_case, handler) => {
    const { client } = await connectTo(handler);
    const { message } = await catchError(client.send(read, z.object({ pk: z.string() })));
    expect(message.endsWith(` (request ${requestId})`)).toBe(true);
  });

  test("unless the response has none", async () => {
    const { client } = await connectTo((_request, response) => sendHtml(response, 500, htmlPage));
    expect((await catchError(client.send(read, z.unknown()))).message).not.toContain("(request");
  });

  test("with the embedded authentik, whose event log has the same id", async () => {
    const server = await startEmbedded();
    const client = Client.connect({ url: server.url, token: server.token });
    clients.push(client);
    await deleteInvitation(client, pk);
    const invitation = { name: "jane", expires: "x", fixedData: {}, singleUse: false };
    const { message } = await catchError(invitationProvider.create(invitation));
    expect(message).toMatch(/ \(request [0-9a-f]{32}\)$/);
  });
});
