import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { z } from "zod";
import { parseUserAgent } from "../../provider/authentik/user-agent";
import { Client, type ClientRequest } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { closeEmbedded, newOrigin, startEmbedded } from "./support/embedded-authentik";
import { invitationInputs, type Properties } from "./support/invitation";
import { htmlPage, meBody, permissionDeniedBody } from "./support/response-bodies";
import { closeServers, type Handler, type RunningServer, sendHtml, sendJson, startServer } from "./support/server";
import "./support/warnings";

const clients: Client[] = [];
const read: ClientRequest = {
  method: "GET",
  path: "thing/",
  failure: "Could not read the thing",
  permission: "app.view_thing",
};
const deletion = { path: "thing/", failure: "Could not delete the thing", permission: "app.delete_thing" };

async function connectTo(handler: Handler): Promise<{ server: RunningServer; client: Client }> {
  const server = await startServer(handler);
  const client = Client.connect({ url: server.url, token: "t0ken", limits: { initialDelay: 1, maxAttempts: 2 } });
  clients.push(client);
  return { server, client };
}

/** Responds with JSON, or with a string as HTML. */
const respondWith =
  (status: number, body: unknown, headers: object = {}): Handler =>
  (_request, response) =>
    typeof body === "string" ? sendHtml(response, status, body, headers) : sendJson(response, status, body, headers);

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await closeServers();
  await closeEmbedded();
});

describe("the User-Agent of a request", () => {
  const nonceOf = (userAgent: string | undefined): string | undefined => /([0-9a-f]{12})\)$/.exec(userAgent ?? "")?.[1];
  const userAgentsOf = ({ received }: RunningServer): (string | undefined)[] =>
    received.map(({ headers }) => headers["user-agent"]);

  test("has the client's source and a random nonce, or the given one", async () => {
    const { server, client } = await connectTo(respondWith(200, {}));
    const resource = client.from("team/dev; 0123456789");
    await client.send(read, z.unknown());
    await resource.send(read, z.unknown());
    await resource.send(read, z.unknown());
    await resource.from("team/dev; 0123456789", "aaaaaaaaaaaa").send(read, z.unknown());
    expect(userAgentsOf(server).map((userAgent) => parseUserAgent(userAgent).source)).toEqual([
      "",
      ...Array(3).fill("team/dev; 0123456789"),
    ]);
    const nonces = userAgentsOf(server).map(nonceOf);
    expect(nonces[3]).toBe("aaaaaaaaaaaa");
    expect(new Set(nonces).size).toBe(4);
    expect(nonces).not.toContain(undefined);
  });

  test("is the same for all attempts of a request", async () => {
    const { server, client } = await connectTo((_request, response, index) =>
      sendJson(response, index === 0 ? 429 : 200, {}),
    );
    await client.send({ ...read, method: "POST" }, z.unknown());
    expect(userAgentsOf(server)).toHaveLength(2);
    expect(new Set(userAgentsOf(server)).size).toBe(1);
  });

  test("names the project, the stack and the tag in every request of a resource, and the nonce of its origin only in its create", async () => {
    const server = await startEmbedded();
    const origin = newOrigin();
    const [, tag, nonce = ""] = origin.split("/");
    const { id, outs } = await invitationProvider.create(invitationInputs({ __origin: origin }));
    await invitationProvider.read(id, outs);
    await invitationProvider.update(id, outs as Properties, { ...outs, name: "other" });
    await invitationProvider.delete(id, outs as Properties);
    const requests = server.requests.filter(({ path }) => path.includes("/invitations/"));
    expect(requests.map(({ method }) => method)).toEqual(["POST", "GET", "PUT", "DELETE"]);
    expect(requests.map(({ userAgent }) => parseUserAgent(userAgent).source)).toEqual(
      Array(4).fill(`team/dev; ${tag}`),
    );
    expect(requests.map(({ userAgent }) => userAgent?.includes(nonce))).toEqual([true, false, false, false]);
  });
});

// Which responses mean that it succeeded is proven by test/hostile/responses.test.ts, except for these rare ones.
describe("a DELETE", () => {
  test.each<[string, Handler]>([
    ["200 without a body", (_request, response) => response.writeHead(200).end()],
    ["202", respondWith(202, {})],
  ])("fails with %s", async (_case, handler) => {
    const { client } = await connectTo(handler);
    expect((await catchError(client.delete(deletion))).name).toBe("InvalidResponseError");
  });

  test("with an HTML page explains that the response did not come from authentik", async () => {
    const { client } = await connectTo(respondWith(200, "<title>Sign in</title>"));
    expect((await catchError(client.delete(deletion))).message).toBe(
      "Could not delete the thing: DELETE /api/v3/thing/ returned 200: expected an empty body with status 204, received an HTML page. The response did not come from authentik's API. Check authentik:url and any proxy in front of the server.",
    );
  });
});

describe("an error ends with the id of the request, under which authentik's log has it", () => {
  const id = "3694621f9a4c4e7a8f1f0a6a1c3c0f11";

  test.each<[number, unknown]>([
    [400, { name: ["No."] }],
    [403, permissionDeniedBody],
    [404, { detail: "Not found." }],
    [404, htmlPage],
    [405, ""],
    [413, ""],
    [429, {}],
    [500, htmlPage],
    [503, ""],
    [302, ""],
    [200, { a: 1 }],
    [200, htmlPage],
  ])("%d %j", async (status, body) => {
    const handler = respondWith(status, body, { "x-authentik-id": id, location: "/x" });
    const { client } = await connectTo((request, response, index) =>
      request.path.includes("/users/me/") ? sendJson(response, 200, meBody) : handler(request, response, index),
    );
    const { message } = await catchError(client.send(read, z.object({ pk: z.string() })));
    expect(message.endsWith(` (request ${id})`)).toBe(true);
  });

  test("unless the response has none", async () => {
    const { client } = await connectTo(respondWith(500, htmlPage));
    expect((await catchError(client.send(read, z.unknown()))).message).not.toContain("(request");
  });
});
