import { setTimeout } from "node:timers/promises";
import {
  Flow as flowProvider,
  FlowStageBinding as flowStageBindingProvider,
} from "pulumi-authentik-invitations/provider";
import { unknownValue } from "../../provider/common/reserved-strings";
import { Authentik, authentikVersions } from "../../sandbox";
import { catchError } from "./support/catch-error";
import { takeWarnings, warnings } from "./support/warnings";

type Properties = Record<string, unknown>;

const flowsPath = "/api/v3/flows/instances/";
const bindingsPath = "/api/v3/flows/bindings/";

// That inputs come back as configured is proven by test/hostile/inputs.test.ts.
describe.each(authentikVersions)("on authentik %s", (version) => {
  let server: Authentik;

  beforeEach(async () => {
    server = await Authentik.start({ version });
    const settings: Record<string, string> = { "authentik:url": server.url, "authentik:token": server.token };
    await flowProvider.configure({ config: { get: (key) => settings[key] } });
  });

  afterEach(() => server.close());

  const declaredFlow = { name: " Staff ", slug: "staff", title: "Welcome", designation: "enrollment" };

  async function checkInputs(
    provider: typeof flowProvider | typeof flowStageBindingProvider,
    news: Properties,
  ): Promise<Properties> {
    const { inputs, failures } = await provider.check({}, news);
    expect(failures).toEqual([]);
    return inputs as Properties;
  }

  async function createFlow(changes: Properties = {}): Promise<{ id: string; outs: Properties; inputs: Properties }> {
    const inputs = await checkInputs(flowProvider, { ...declaredFlow, ...changes });
    const { id, outs } = await flowProvider.create(inputs);
    return { id, outs: outs as Properties, inputs };
  }

  /** Returns the write requests since the last call. */
  function takeWriteRequests(): string[] {
    const writeRequests = server.requests
      .filter(({ method }) => method !== "GET")
      .map(({ method, path }) => `${method} ${path}`);
    server.requests.length = 0;
    return writeRequests;
  }

  describe("a flow", () => {
    test("is found after its slug was changed outside Pulumi, and gets its slug back", async () => {
      const { id, outs, inputs } = await createFlow();
      await server.request("PATCH", `${flowsPath}staff/`, { slug: "moved" });
      const { props } = await flowProvider.read(id, outs);
      expect(props).toMatchObject({ pk: id, slug: "moved" });
      takeWriteRequests();
      await flowProvider.update(id, outs, inputs);
      expect(takeWriteRequests()).toEqual([`PUT ${flowsPath}moved/`]);
    });

    test("warns at the diff of a rename that links stop working, but not if the slug stays or is unknown", async () => {
      const { id, outs, inputs } = await createFlow({ slug: " staff" });
      takeWarnings();
      for (const changes of [{ slug: "staff " }, { slug: unknownValue }, { title: "Hello" }]) {
        await flowProvider.diff(id, outs, { ...inputs, ...changes });
      }
      expect(warnings()).toEqual([]);
      await flowProvider.diff(id, outs, { ...inputs, slug: " crew " });
      expect(warnings()).toEqual([
        'Flow "crew": links that were sent with the slug "staff" stop working when the slug changes. Send the new links.',
      ]);
    });

    test("is renamed although the response is lost and another flow gets the old slug before the retry", async () => {
      const { id, outs, inputs } = await createFlow();
      server.injectFailure({ method: "PUT", path: /instances\/staff\/$/, when: "after", status: 502 });
      const update = flowProvider.update(id, outs, { ...inputs, slug: "crew" });
      while (!server.requests.some(({ method }) => method === "PUT")) await setTimeout(1);
      const { status } = await server.request("POST", flowsPath, {
        name: "x",
        slug: "staff",
        title: "Other",
        designation: "recovery",
      });
      expect(status).toBe(201);
      expect((await update).outs).toMatchObject({ pk: id, slug: "crew" });
      expect((await server.request("GET", `${flowsPath}staff/`)).body).toMatchObject({ title: "Other" });
    });

    test("that was deleted and recreated with the same slug is not found, and the new flow is neither updated nor deleted", async () => {
      const { id, outs, inputs } = await createFlow();
      await server.request("DELETE", `${flowsPath}staff/`);
      await server.request("POST", flowsPath, { name: "x", slug: "staff", title: "Other", designation: "recovery" });
      takeWriteRequests();
      expect(await flowProvider.read(id, outs)).toEqual({});
      expect((await catchError(flowProvider.update(id, outs, inputs))).message).toMatch(
        /Flow "staff" no longer exists in authentik/,
      );
      await flowProvider.delete(id, outs);
      expect(takeWriteRequests()).toEqual([]);
    });

    test("is deleted before its forced replacement is created, because its slug is unique", async () => {
      const { id, outs, inputs } = await createFlow();
      const sameSlug = await flowProvider.diff(id, outs, { ...inputs, title: "Other" });
      expect(sameSlug).toMatchObject({ deleteBeforeReplace: true });
      const otherConnection = await flowProvider.diff(id, outs, { ...inputs, connection: "other" });
      expect(otherConnection).toMatchObject({ replaces: ["connection"], deleteBeforeReplace: false });
    });
  });

  describe("a binding", () => {
    async function createBinding(
      changes: Properties = {},
    ): Promise<{ id: string; outs: Properties; inputs: Properties }> {
      const { body } = await server.request("POST", "/api/v3/stages/invitation/stages/", {
        name: `stage-${Date.now()}-${Math.random()}`,
      });
      const inputs = await checkInputs(flowStageBindingProvider, {
        target: "staff",
        stage: (body as { pk: string }).pk.toUpperCase(),
        order: 10,
        ...changes,
      });
      const { id, outs } = await flowStageBindingProvider.create(inputs);
      return { id, outs: outs as Properties, inputs };
    }

    test("that was moved to another flow outside Pulumi shows that flow, and is moved back with one PUT", async () => {
      const flow = await createFlow();
      const other = await createFlow({ slug: "guests" });
      const { id, outs, inputs } = await createBinding();
      const byUuid = { ...inputs, target: flow.id.replaceAll("-", "") };
      expect(await flowStageBindingProvider.diff(id, outs, byUuid)).toMatchObject({ changes: false });
      await server.request("PATCH", `${bindingsPath}${id}/`, { target: other.id });
      const { props, inputs: refreshed } = await flowStageBindingProvider.read(id, outs);
      expect(refreshed).toMatchObject({ target: other.id });
      expect(props).toMatchObject({ targetPk: other.id });
      const { changes } = await flowStageBindingProvider.diff(id, props as Properties, inputs);
      expect(changes).not.toBe(false);
      takeWriteRequests();
      const { outs: restored } = await flowStageBindingProvider.update(id, props as Properties, inputs);
      expect(takeWriteRequests()).toEqual([`PUT ${bindingsPath}${id}/`]);
      expect(restored).toMatchObject({ target: "staff" });
    });

    // Other requests cannot turn both off: see test/recordings.
    test("with both evaluations turned off by a PATCH is repaired", async () => {
      await createFlow();
      const { id, outs, inputs } = await createBinding({ evaluateOnPlan: true, reEvaluatePolicies: false });
      const { status } = await server.request("PATCH", `${bindingsPath}${id}/`, { evaluate_on_plan: false });
      expect(status).toBe(200);
      const { props } = await flowStageBindingProvider.read(id, outs);
      expect(props).toMatchObject({ evaluateOnPlan: false, reEvaluatePolicies: false });
      const { outs: repaired } = await flowStageBindingProvider.update(id, props as Properties, inputs);
      expect(repaired).toMatchObject({ evaluateOnPlan: true, reEvaluatePolicies: false });
    });

    const reason =
      "reEvaluatePolicies: must be true unless evaluateOnPlan is true, because authentik requires one of them. evaluateOnPlan is false by default";

    test.each([
      [{ reEvaluatePolicies: false }, [reason]],
      [{ evaluateOnPlan: false, reEvaluatePolicies: false }, [reason]],
      [{ evaluateOnPlan: null, reEvaluatePolicies: false }, [reason]],
      [{ evaluateOnPlan: unknownValue, reEvaluatePolicies: false }, []],
      [{ evaluateOnPlan: false, reEvaluatePolicies: unknownValue }, []],
      [{ evaluateOnPlan: true, reEvaluatePolicies: false }, []],
      [{ evaluateOnPlan: false }, []],
    ])("with %j has the errors %j, whether the other inputs are known or not", async (evaluation, reasons) => {
      const { failures } = await flowStageBindingProvider.check(
        {},
        { target: unknownValue, stage: unknownValue, order: 0, ...evaluation },
      );
      expect(failures?.map((failure) => failure.reason)).toEqual(reasons);
    });

    test("of a deleted flow is not found", async () => {
      await createFlow();
      const { id, outs } = await createBinding();
      await server.request("DELETE", `${flowsPath}staff/`);
      expect(await flowStageBindingProvider.read(id, outs)).toEqual({});
      await flowStageBindingProvider.delete(id, outs);
    });

    test("to a flow that does not exist fails with an error that names the slug", async () => {
      expect((await catchError(createBinding({ target: "no-such-flow" }))).message).toContain(
        'no flow with the slug "no-such-flow"',
      );
    });
  });
});
