import { createNonce } from "../../provider/common/origin";
import { type Authentik, authentikVersions } from "../../sandbox";
import {
  Client,
  createInvitation,
  deleteInvitation,
  findCreation,
  listEvents,
  listObjectEvents,
  listStackEvents,
} from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { closeEmbedded, permissionsWithoutEvents, startEmbedded } from "./support/embedded-authentik";

const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };
const clients: Client[] = [];

// One test creates hundreds of objects, which takes longer on a busy machine.
jest.setTimeout(30_000);

function connect(server: Authentik, token: string = server.token): Client {
  const client = Client.connect({ url: server.url, token });
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await closeEmbedded();
});

describe.each(authentikVersions)("on authentik %s", (version) => {
  test("findCreation returns the one object that the request with the nonce created, and its source", async () => {
    const server = await startEmbedded({ version });
    const client = connect(server);
    const nonces = [createNonce(), createNonce(), createNonce()];
    const pks: string[] = [];
    for (const nonce of nonces) {
      pks.push((await createInvitation(client.from("team/dev; 0123456789", nonce), fields)).pk);
    }
    for (const [index, nonce] of nonces.entries()) {
      expect(await findCreation(client, "invitation", nonce)).toMatchObject({
        action: "model_created",
        pk: pks[index],
        model: "invitation",
        username: "akadmin",
        path: "/api/v3/stages/invitation/invitations/",
        source: "team/dev; 0123456789",
      });
    }
    expect(await findCreation(client, "invitation", createNonce())).toBeUndefined();
    expect(await findCreation(client, "flow", nonces[0] ?? "")).toBeUndefined();
    // A request whose source is not known.
    const nonce = createNonce();
    const { pk } = await createInvitation(client.from("", nonce), fields);
    expect(await findCreation(client, "invitation", nonce)).toMatchObject({ pk, source: "" });
  });

  test("findCreation ignores events that only contain the nonce, such as in a name or another request", async () => {
    const server = await startEmbedded({ version });
    const client = connect(server);
    const nonce = createNonce();
    await createInvitation(client.from("team/dev"), { ...fields, name: `x-${nonce}` });
    await createInvitation(client.from(`team/${nonce}`), fields);
    await createInvitation(client.from("team/dev", `${nonce}0`), fields);
    await createInvitation(client.from("team/dev", `0${nonce}`), fields);
    const deleted = await createInvitation(client.from("team/dev"), fields);
    await deleteInvitation(client.from("team/dev", nonce), deleted.pk);
    expect(await findCreation(client, "invitation", nonce)).toBeUndefined();
  });

  test("listEvents returns the events of the object only, newest first, with pks in the dashed form", async () => {
    const server = await startEmbedded({ version });
    const client = connect(server);
    const { pk } = await createInvitation(client, fields);
    await createInvitation(client, fields);
    await deleteInvitation(client, pk);
    const events = await listEvents(client, pk, "x");
    expect(events.map(({ action }) => action)).toEqual(["model_deleted", "model_created"]);
    expect(new Set(events.map((event) => event.pk))).toEqual(new Set([pk]));
  });

  test("listStackEvents returns the creations or deletions of exactly this stack", async () => {
    const server = await startEmbedded({ version });
    const client = connect(server);
    const create = async (source: string): Promise<string> => (await createInvitation(client.from(source), fields)).pk;
    const own = [await create("team/dev"), await create("team/dev; 0123456789")];
    for (const source of ["", "team/dev2", "team/dev2; 0123456789", "myteam/dev", "team", "x; team/dev"]) {
      await create(source);
    }
    await server.request("POST", "/api/v3/stages/invitation/invitations/", {
      name: "pulumi-authentik-invitations",
      fixed_data: { a: "team/dev" },
    });
    await deleteInvitation(client.from("team/dev; ffffffffff"), own[0] ?? "");
    const pksOf = async (action: "model_created" | "model_deleted"): Promise<string[]> =>
      (await listStackEvents(client, "team/dev", action)).map(({ pk }) => pk);
    expect(await pksOf("model_created")).toEqual([...own].reverse());
    expect(await pksOf("model_deleted")).toEqual([own[0]]);
  });

  test("listObjectEvents reads as many pages as it takes to find the objects, and no more", async () => {
    const server = await startEmbedded({ version });
    const client = connect(server);
    const pks: string[] = [];
    for (let count = 0; count < 250; count += 1) {
      const { body } = await server.request("POST", "/api/v3/stages/invitation/invitations/", { name: `n${count}` });
      pks.push((body as { pk: string }).pk);
    }
    server.requests.length = 0;
    const creations = { search: "invitation", action: "model_created" } as const;
    const wanted = new Set([pks[249] ?? "", pks[120] ?? ""]);
    const found = await listObjectEvents(client, wanted, creations);
    expect(new Set(found.keys())).toEqual(wanted);
    expect(server.requests).toHaveLength(2);
    const unknown = await listObjectEvents(client, new Set(["dddddddd-0000-4000-8000-000000000000"]), creations);
    expect(unknown.size).toBe(0);
    expect(server.requests).toHaveLength(5);
  });
});

test("a missing permission is a PermissionError that names it, without the pk", async () => {
  const server = await startEmbedded();
  const { pk } = await createInvitation(connect(server), fields);
  const client = connect(server, server.addUser("writer", permissionsWithoutEvents));
  const error = await catchError(listEvents(client, pk, 'invitation "jane"'));
  expect(error).toMatchObject({ name: "PermissionError", permission: "authentik_events.view_event" });
  expect(error.message).toContain('Could not read the events of invitation "jane"');
  expect(error.message).not.toContain(pk.replaceAll("-", ""));
});
