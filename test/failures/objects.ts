import { isDeepStrictEqual } from "node:util";
import type { Authentik } from "../../sandbox";
import type { Properties } from "./connections";
import type { Operation } from "./failures";
import type { Connections, Subject } from "./subjects";

interface ObjectKind {
  readonly path: string;
  /** The inputs, and the same object with others: another slug, name or order. */
  declare(server: Authentik): { inputs: Properties; changed: Properties; filter?: string };
  /** The last segment of the object's path. */
  key(state: Properties): string;
}

interface ApiObject extends Properties {
  readonly pk: string;
}

const flowsPath = "/api/v3/flows/instances/";

const kinds = {
  flow: {
    path: flowsPath,
    declare: () => ({
      inputs: { name: "jane", slug: "jane", title: "Jane", designation: "enrollment" },
      changed: { name: "jane", slug: "jane-doe", title: "Jane", designation: "enrollment" },
    }),
    key: ({ slug }) => String(slug),
  },
  stage: {
    path: "/api/v3/stages/invitation/stages/",
    declare: () => ({ inputs: { name: "jane" }, changed: { name: "jane-doe" } }),
    key: ({ pk }) => String(pk),
  },
  binding: {
    path: "/api/v3/flows/bindings/",
    declare: ({ instance }) => {
      const target = instance.flows.add({ name: "f", slug: "f", title: "F", designation: "enrollment" }).pk;
      const stage = instance.stages.add({ name: "s" }).pk;
      return { inputs: { target, stage, order: 0 }, changed: { target, stage, order: 1 }, filter: `&target=${target}` };
    },
    key: ({ pk }) => String(pk),
  },
} satisfies Record<string, ObjectKind>;

export type PlainKind = keyof typeof kinds;

/** Sets up what an operation on a flow, a stage or a binding needs on the server. */
export async function prepareObject(
  kind: PlainKind,
  operation: Operation,
  { server, failing, direct }: Connections,
): Promise<Subject> {
  const { path, declare, key }: ObjectKind = kinds[kind];
  const declared = declare(server);
  const list = async (): Promise<ApiObject[]> => {
    const { body } = await server.request("GET", `${path}?page_size=100${declared.filter ?? ""}`);
    return (body as { results: ApiObject[] }).results;
  };
  const pksBefore = new Set((await list()).map(({ pk }) => pk));
  const listAdded = async (): Promise<ApiObject[]> => (await list()).filter(({ pk }) => !pksBefore.has(pk));
  const provider = failing.provider(kind, "jane");
  const nextProvider = direct.provider(kind, "jane");
  const createNext = async () => await nextProvider.create(await nextProvider.check(declared.inputs));

  if (operation === "create") {
    const inputs = await provider.check(declared.inputs);
    return {
      method: "POST",
      path,
      run: async () => (await provider.create(inputs)).state,
      async verify({ value, error }) {
        const stored = await listAdded();
        if (stored.length > 1) return [`${stored.length} objects exist`];
        if (error === undefined) {
          const isStored = stored[0] !== undefined && stored[0].pk === (value as Properties)["pk"];
          return isStored ? [] : ["the state has another object than the server"];
        }
        const recovery = await nextProvider.recover(inputs);
        const expected = stored.length === 1 ? "created" : "not created";
        if (recovery.outcome !== expected) return [`recover says ${recovery.outcome} instead of ${expected}`];
        const isFound = recovery.outcome !== "created" || recovery.outputs["pk"] === stored[0]?.pk;
        const next = await createNext().then(
          () => "created",
          (conflict: Error) => (conflict.message.includes("import") ? "import" : conflict.message),
        );
        // Slugs, names, and the orders of a flow's stages are unique.
        const isResolved = next === (stored.length === 1 ? "import" : "created");
        return [
          ...(isFound ? [] : ["recover finds another object"]),
          ...(isResolved ? [] : [`the next run: ${next}`]),
          ...((await listAdded()).length === 1 ? [] : ["the next run leaves several objects"]),
        ];
      },
    };
  }

  const { id, state } = await createNext();
  /** The object must never be another one than at the start. */
  const checkStored = async (isExpected: (stored: ApiObject | undefined) => boolean, problem: string) => {
    const stored = await listAdded();
    if (stored.length > 1 || (stored[0] !== undefined && stored[0].pk !== id)) return ["the object was created again"];
    return isExpected(stored[0]) ? [] : [problem];
  };
  const exists = (stored: ApiObject | undefined): boolean => stored !== undefined;
  const objectPath = `${path}${key(state)}/`;
  // A flow is looked up by its pk in the list, because its path is its slug.
  const hasLookup = kind === "flow";

  if (operation === "read") {
    return {
      method: "GET",
      path: hasLookup ? path : objectPath,
      run: () => provider.read(id, state),
      async verify({ value, error }) {
        const violations = await checkStored(exists, "the object was deleted");
        if (error) return violations;
        if (value === undefined) return ["read says that the object was deleted", ...violations];
        return isDeepStrictEqual(value, state) ? violations : ["read returns another state", ...violations];
      },
    };
  }

  if (operation === "update") {
    const inputs = { ...(await provider.check(declared.changed)), __origin: state["__origin"] };
    const isUpdated = (stored: ApiObject | undefined): boolean =>
      Object.entries(declared.changed).every(([input, value]) => stored?.[input] === value);
    return {
      method: "PUT",
      path: objectPath,
      hasLookup,
      run: () => provider.update(id, state, inputs),
      async verify({ error }) {
        if (error === undefined) return await checkStored(isUpdated, "update returns although nothing changed");
        const violations = await checkStored(exists, "the object was deleted");
        await nextProvider.update(id, state, inputs);
        return [...violations, ...(await checkStored(isUpdated, "the next run does not update the object"))];
      },
    };
  }

  return {
    method: "DELETE",
    path: objectPath,
    hasLookup,
    run: () => provider.delete(id, state),
    async verify({ error }) {
      const isDeleted = (stored: ApiObject | undefined): boolean => stored === undefined;
      if (error === undefined) return await checkStored(isDeleted, "delete returns although the object exists");
      await nextProvider.delete(id, state);
      return await checkStored(isDeleted, "the next run does not delete the object");
    },
  };
}
