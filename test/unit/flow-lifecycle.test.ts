import { flowProvider } from "../../provider/lifecycle/objects/flow";
import { flowStageBindingProvider } from "../../provider/lifecycle/objects/flow-stage-binding";
import { Authentik, type AuthentikVersion } from "../sandbox";
import { failureOf } from "./support/failure";

type Properties = Record<string, unknown>;

const flowsPath = "/api/v3/flows/instances/";
const bindingsPath = "/api/v3/flows/bindings/";

jest.spyOn(console, "warn").mockImplementation();

describe.each(["2024.8", "2026.2"] as AuthentikVersion[])("on authentik %s", (version) => {
  let server: Authentik;

  beforeEach(async () => {
    server = await Authentik.start({ version });
    const settings: Record<string, string> = { "authentik:url": server.url, "authentik:token": server.token };
    await flowProvider.configure({ config: { get: (key) => settings[key] } });
  });

  afterEach(() => server.close());

  const declared = { name: " Staff ", slug: "staff", title: "Welcome", designation: "enrollment" };

  async function checked(
    provider: typeof flowProvider | typeof flowStageBindingProvider,
    news: Properties,
  ): Promise<Properties> {
    const { inputs, failures } = await provider.check({}, news);
    expect(failures).toEqual([]);
    return inputs as Properties;
  }

  async function createFlow(changes: Properties = {}): Promise<{ id: string; outs: Properties; inputs: Properties }> {
    const inputs = await checked(flowProvider, { ...declared, ...changes });
    const { id, outs } = await flowProvider.create(inputs);
    return { id, outs: outs as Properties, inputs };
  }

  /** The requests that change something, since the last call. */
  function writes(): string[] {
    const seen = server.requests
      .filter(({ method }) => method !== "GET")
      .map(({ method, path }) => `${method} ${path}`);
    server.requests.length = 0;
    return seen;
  }

  describe("a flow", () => {
    test("is created by one POST, in the user's words, and is no change afterwards", async () => {
      const { id, outs, inputs } = await createFlow();
      expect(writes()).toEqual([`POST ${flowsPath}`]);
      expect(outs).toMatchObject({ ...declared, pk: id, authentication: "none", stages: [], policies: [] });
      expect(await flowProvider.diff(id, outs, inputs)).toMatchObject({ changes: false });
      const { inputs: refreshed } = await flowProvider.read(id, outs);
      expect(refreshed).toEqual(inputs);
    });

    test("is found under the slug that somebody gave it, and renamed back there", async () => {
      const { id, outs, inputs } = await createFlow();
      await server.request("PATCH", `${flowsPath}staff/`, { slug: "moved" });
      const { props } = await flowProvider.read(id, outs);
      expect(props).toMatchObject({ pk: id, slug: "moved" });
      writes();
      await flowProvider.update(id, outs, inputs);
      expect(writes()).toEqual([`PUT ${flowsPath}moved/`]);
    });

    test("that was made anew under its slug is another: gone, and neither changed nor deleted", async () => {
      const { id, outs, inputs } = await createFlow();
      await server.request("DELETE", `${flowsPath}staff/`);
      await server.request("POST", flowsPath, { name: "x", slug: "staff", title: "Other", designation: "recovery" });
      writes();
      expect(await flowProvider.read(id, outs)).toEqual({});
      expect((await failureOf(flowProvider.update(id, outs, inputs))).message).toMatch(
        /Flow "staff" is gone from authentik/,
      );
      await flowProvider.delete(id, outs);
      expect(writes()).toEqual([]);
    });

    test("whose slug is taken names the flow that has it, and the option", async () => {
      const { id } = await createFlow();
      const { message } = await failureOf(createFlow({ title: "Another" }));
      expect(message).toContain(`The flow with the pk ${id} has this slug`);
      expect(message).toContain(`{ import: "${id}" }`);
    });

    test("whose creation was not answered is taken over, once", async () => {
      server.fail({ method: "POST", path: /instances\/$/, when: "after", status: 502 });
      const { id } = await createFlow();
      expect(writes()).toEqual([`POST ${flowsPath}`]);
      server.fail({ method: "POST", path: /instances\/$/, when: "before", status: 502 });
      expect((await failureOf(createFlow())).message).toContain("authentik shows nothing that this request made");
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
    });

    test("replaced by force goes first, for its slug is unique", async () => {
      const { id, outs, inputs } = await createFlow();
      const changed = await flowProvider.diff(id, outs, { ...inputs, title: "Other" });
      expect(changed).toMatchObject({ deleteBeforeReplace: true });
      const moved = await flowProvider.diff(id, outs, { ...inputs, connection: "elsewhere" });
      expect(moved).toMatchObject({ replaces: ["connection"], deleteBeforeReplace: false });
    });
  });

  describe("a binding", () => {
    async function createBinding(
      changes: Properties = {},
    ): Promise<{ id: string; outs: Properties; inputs: Properties }> {
      const { body } = await server.request("POST", "/api/v3/stages/invitation/stages/", {
        name: `stage-${Date.now()}-${Math.random()}`,
      });
      const inputs = await checked(flowStageBindingProvider, {
        target: "staff",
        stage: (body as { pk: string }).pk.toUpperCase(),
        order: 10,
        ...changes,
      });
      const { id, outs } = await flowStageBindingProvider.create(inputs);
      return { id, outs: outs as Properties, inputs };
    }

    test("keeps the slug and the UUID as they are written, and is no change afterwards", async () => {
      const flow = await createFlow();
      const { id, outs, inputs } = await createBinding();
      expect(outs).toMatchObject({ ...inputs, pk: id, targetPk: flow.id });
      expect(await flowStageBindingProvider.diff(id, outs, inputs)).toMatchObject({ changes: false });
      const byUuid = { ...inputs, target: flow.id.replaceAll("-", "") };
      expect(await flowStageBindingProvider.diff(id, outs, byUuid)).toMatchObject({ changes: false });
      expect((await flowStageBindingProvider.read(id, outs)).inputs).toEqual(inputs);
    });

    test("that somebody moved to another flow shows that flow, and is moved back by one PUT", async () => {
      await createFlow();
      const other = await createFlow({ slug: "guests" });
      const { id, outs, inputs } = await createBinding();
      await server.request("PATCH", `${bindingsPath}${id}/`, { target: other.id });
      const { props, inputs: refreshed } = await flowStageBindingProvider.read(id, outs);
      expect(refreshed).toMatchObject({ target: other.id });
      expect(await flowStageBindingProvider.diff(id, props as Properties, inputs)).not.toMatchObject({
        changes: false,
      });
      writes();
      const { outs: back } = await flowStageBindingProvider.update(id, props as Properties, inputs);
      expect(writes()).toEqual([`PUT ${bindingsPath}${id}/`]);
      expect(back).toMatchObject({ target: "staff" });
    });

    test("of a flow that is deleted is gone with it", async () => {
      await createFlow();
      const { id, outs } = await createBinding();
      await server.request("DELETE", `${flowsPath}staff/`);
      expect(await flowStageBindingProvider.read(id, outs)).toEqual({});
      await flowStageBindingProvider.delete(id, outs);
    });

    test("to a flow that does not exist says which slug", async () => {
      expect((await failureOf(createBinding({ target: "nobody" }))).message).toContain(
        'no flow with the slug "nobody"',
      );
    });
  });
});
